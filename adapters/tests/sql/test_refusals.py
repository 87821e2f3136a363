"""Tests of a database that refuses: what a caller gets, and what becomes of the connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.sql import Transactions, connect, probe
from aether_adapters.testing.mysql import MySqlServer
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError

pytestmark = pytest.mark.implementation("mariadb")


def plain(engine: Engine) -> Transactions[Connection]:
    return Transactions(engine, lambda connection: connection)


@pytest.fixture
def administrator(mysql_server: MySqlServer) -> Iterator[Engine]:
    engine = connect(f"{mysql_server.url.rstrip('/')}/mysql", pool=1)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(mysql_url: str, administrator: Engine) -> Iterator[Engine]:
    """An engine of a user without privileges of an administrator, with an empty table."""
    address = make_url(mysql_url)
    with administrator.connect() as connection:
        for statement in (
            "DROP USER IF EXISTS plain@'%'",
            "CREATE USER plain@'%' IDENTIFIED BY 'secret'",
            f"GRANT ALL ON {address.database}.* TO plain@'%'",
        ):
            connection.execute(text(statement))
    engine = connect(address.set(username="plain", password="secret"), pool=3)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE OR REPLACE TABLE t (i INT)")
    yield engine
    engine.dispose()


def connection_id(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT CONNECTION_ID()")) or 0)


def pooled(engine: Engine) -> set[int]:
    """Return the ids of all connections that the pool hands out."""
    opened = [engine.connect() for _ in range(3)]
    try:
        return {connection_id(connection) for connection in opened}
    finally:
        for connection in opened:
            connection.close()


def signal(code: int) -> str:
    return f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'said on purpose'"


def test_a_demoted_database_is_unavailable_and_loses_all_pooled_connections(
    engine: Engine, administrator: Engine
) -> None:
    before = pooled(engine)
    with administrator.connect() as connection:
        connection.exec_driver_sql("SET GLOBAL read_only = 1")
        try:
            with pytest.raises(Unavailable) as caught:
                plain(engine).run(lambda c: c.execute(text("INSERT INTO t VALUES (1)")))
        finally:
            connection.exec_driver_sql("SET GLOBAL read_only = 0")
    assert caught.value.detail == "The database is unavailable."
    assert caught.value.retry_after == 1.0
    assert "read-only" in caught.value.reason
    assert "INSERT" not in caught.value.reason
    assert not before & pooled(engine), "a connection to the old primary is still in use"
    plain(engine).run(lambda c: c.execute(text("INSERT INTO t VALUES (1)")))


@pytest.mark.parametrize("code", [1047, 1053, 1792, 1836, 1874, 3032, 3168, 9001])
def test_a_server_that_is_no_longer_the_one_is_left(engine: Engine, code: int) -> None:
    before = pooled(engine)
    with pytest.raises(Unavailable):
        plain(engine).run(lambda c: c.execute(text(signal(code))))
    assert not before & pooled(engine)


@pytest.mark.parametrize(
    "code",
    [1021, 1026, 1030, 1037, 1038, 1040, 1041, 1044, 1045, 1049, 1114, 1129, 1130, 1135, 1142, 1203, 1226, 1317, 3100],
)  # fmt: skip
def test_a_server_that_cannot_for_now_is_unavailable(engine: Engine, code: int) -> None:
    runs = list[int]()

    def work(connection: Connection) -> None:
        runs.append(connection_id(connection))
        connection.execute(text(signal(code)))

    with pytest.raises(Unavailable, match=r"^The database is unavailable\.$"):
        plain(engine).run(work)
    assert len(runs) == 1


@pytest.mark.parametrize("code", [1020, 1205, 1213, 3101, 3572])
def test_contention_runs_the_work_again(engine: Engine, code: int) -> None:
    runs = list[int]()

    def work(connection: Connection) -> str:
        runs.append(1)
        if len(runs) < 3:
            connection.execute(text(signal(code)))
        return "done"

    assert (plain(engine).run(work), len(runs)) == ("done", 3)


@pytest.mark.parametrize("code", [1152, 1158, 1927, 2006, 2013, 3169])
def test_a_broken_session_is_replaced_and_the_work_runs_again(engine: Engine, code: int) -> None:
    runs = list[int]()

    def work(connection: Connection) -> str:
        runs.append(connection_id(connection))
        if len(runs) < 2:
            connection.execute(text(signal(code)))
        return "done"

    assert plain(engine).run(work) == "done"
    assert len(set(runs)) == 2, "the same connection was used again"


def test_an_option_that_is_not_read_only_is_an_error_of_the_statement(engine: Engine) -> None:
    refused = signal(1290).replace("said on purpose", "runs with the --secure-file-priv option")
    with pytest.raises(DBAPIError, match="secure-file-priv"):
        plain(engine).run(lambda c: c.execute(text(refused)))


def test_a_wrong_password_is_unavailable_and_only_the_reason_says_why(engine: Engine) -> None:
    wrong = connect(engine.url.set(password="wrong"))
    with pytest.raises(Unavailable) as caught:
        probe(wrong)()
    assert "Access denied" in caught.value.reason
    assert "Access" not in caught.value.detail


def test_a_silent_server_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        engine = connect(f"mysql+pymysql://root@127.0.0.1:{server.getsockname()[1]}/x", statement_seconds=5)
        started = time.monotonic()
        with within(0.5), pytest.raises(DeadlineExceeded):
            plain(engine).read(lambda connection: connection.execute(text("SELECT 1")))
        assert time.monotonic() - started < 3
        engine.dispose()


def test_a_handshake_that_the_deadline_ends_leaves_no_connection_without_its_settings(
    engine: Engine,
) -> None:
    fresh = connect(engine.url, pool=1)
    for budget in (0.0005, 0.001, 0.002, 0.004):
        with within(budget), pytest.raises(DeadlineExceeded):
            plain(fresh).read(lambda c: c.execute(text("SELECT SLEEP(1)")))
    asked = text("SELECT @@sql_mode, @@time_zone, @@tx_isolation")
    mode, zone, isolation = plain(fresh).read(lambda c: c.execute(asked).one())
    assert "STRICT_ALL_TABLES" in mode
    assert (zone, isolation) == ("+00:00", "READ-COMMITTED")
    fresh.dispose()


@pytest.mark.implementation("sqlite")
def test_a_database_file_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/test.db")
    with pytest.raises(Unavailable) as caught:
        plain(engine).run(
            lambda c: [
                c.exec_driver_sql("PRAGMA query_only = ON"),
                c.exec_driver_sql("CREATE TABLE t (i INT)"),
            ]
        )
    assert "readonly" in caught.value.reason
    engine.dispose()
