"""An address that cannot be read is refused without a part of its password."""

from __future__ import annotations

from pathlib import Path

import pytest
from aether_adapters import redis, sql
from aether_adapters.kernel.urls import UnreadableUrl, split_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://ann:hunter2/x@h:6379/0",
        "redis://ann:hunter2?x@h:6379/0",
        "redis://ann:hunter2#x@h:6379/0",
        "redis://ann:12345678#hunter2@h:6379/0",
        "redis://ann:hunter2[@h:6379/0",
        "redis://ann@h:hunter2",
        "redis://ann:x@hunter2@h:6379/0",
        "redis://ann:x@hunter2/y@h:6379/0",
        "rediss://:x?hunter2@h:6379/0",
    ],
)
def test_redis_takes_no_address_whose_password_is_not_encoded(url: str) -> None:
    with pytest.raises(UnreadableUrl, match=r"the address of Redis cannot be read.*%2F") as refused:
        redis.connect(url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://ann:x@y:hunter2@h/shop",
        "hunter2",
        "mysql://ann@h:hunter2/shop",
        "mysql+pymysql://ann:x@hunter2@127.0.0.1:1/shop",
        "mysql+pymysql://ann:x@hunter2/y@127.0.0.1:1/shop",
        "mysql+pymysql://ann:x/hunter2@127.0.0.1:1/shop",
        "mysql+pymysql://ann:x#hunter2@127.0.0.1:1/shop",
        "mysql+pymysql://ann:x?hunter2@127.0.0.1:1/shop",
    ],
)
def test_the_database_takes_no_address_that_cannot_be_read(url: str) -> None:
    with pytest.raises(UnreadableUrl, match="the address of the database cannot be read") as refused:
        sql.connect(url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    ["redis://ann:p%40ss%2F%23@h:6379/0", "redis://h?client_name=x", "rediss://:p@h", "redis://ann:a:b@h"],
)
def test_other_addresses_are_read(url: str) -> None:
    assert split_url("Redis", url).geturl() == url
    redis.connect(url).close()


@pytest.mark.parametrize(
    "url", ["mysql+pymysql://ann:p%40ss%2F@h:3306/shop?charset=utf8mb4", "mysql://h/shop"]
)
def test_an_encoded_password_reaches_the_database(url: str) -> None:
    engine = sql.connect(url)
    assert engine.url.host == "h" and engine.url.password in ("p@ss/", None)


def test_a_file_of_sqlite_may_hold_any_sign(tmp_path: Path) -> None:
    sql.connect(f"sqlite:///{tmp_path}/a@b@c#1.db").dispose()


def test_the_path_of_a_socket_may_hold_any_sign() -> None:
    redis.connect("unix:///run/a@b:c.sock").close()
