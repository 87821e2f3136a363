"""Tests of the server fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from aether_adapters.testing.kafka import find_libraries
from aether_adapters.testing.mysql import MySqlServer
from confluent_kafka import Consumer, Producer
from sqlalchemy import create_engine, text

_seen: dict[str, str] = {}


def test_the_database_of_a_module_is_empty_and_uses_utf8mb4(mysql_url: str) -> None:
    _seen["database"] = mysql_url
    with create_engine(mysql_url).begin() as connection:
        assert connection.execute(text("SHOW TABLES")).all() == []
        assert connection.scalar(text("SELECT @@character_set_database")) == "utf8mb4"
        connection.execute(text("CREATE TABLE kept (id INT)"))


def test_the_same_module_keeps_its_database(mysql_url: str) -> None:
    assert mysql_url == _seen["database"]
    with create_engine(mysql_url).connect() as connection:
        assert connection.execute(text("SHOW TABLES")).scalars().all() == ["kept"]


def test_a_database_is_dropped_after_its_test(mysql_server: MySqlServer) -> None:
    with mysql_server.database() as url:
        name = url.rsplit("/", 1)[1]
        with create_engine(url).connect() as connection:
            assert name in connection.execute(text("SHOW DATABASES")).scalars().all()
    with create_engine(mysql_server.url).connect() as connection:
        assert name not in connection.execute(text("SHOW DATABASES")).scalars().all()


@pytest.mark.parametrize("_", [1, 2])
@pytest.mark.parametrize("fixture", ["redis_url", "embedded_redis_url"])
def test_every_test_gets_an_empty_redis(fixture: str, _: int, request: pytest.FixtureRequest) -> None:
    with redis.Redis.from_url(request.getfixturevalue(fixture)) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


@pytest.mark.parametrize(
    "fixture", [pytest.param("kafka_bootstrap", marks=pytest.mark.prove), "embedded_kafka_bootstrap"]
)
def test_kafka_accepts_and_returns_a_message(fixture: str, request: pytest.FixtureRequest) -> None:
    bootstrap = request.getfixturevalue(fixture)
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("fixtures.v1", b"hello")
    assert producer.flush(30) == 0
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "fixtures", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["fixtures.v1"])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert (message.error(), message.value()) == (None, b"hello")


def test_without_kafka_the_error_says_how_to_fetch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AETHER_KAFKA_HOME", raising=False)
    with pytest.raises(FileNotFoundError, match=r"provision\.sh"):
        find_libraries(tmp_path)
