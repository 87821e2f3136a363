"""Tests of concurrency: lock errors, deadlocks, lost connections, and the order of events."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.events import OutgoingEvent
from aether_adapters.sql import Outbox, OutboxReader, Transactions, connect
from sqlalchemy import Connection, Engine, Table, insert, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.event import listens_for

WRITERS = """
import json, os, random, sys
from sqlalchemy import MetaData, select, update
from aether_adapters.kernel.events import OutgoingEvent
from aether_adapters.sql import Outbox, Transactions, connect, outbox_table
url, turns = sys.argv[1], int(sys.argv[2])

def write():
    engine = connect(url, pool=2)
    metadata = MetaData()
    outbox = outbox_table(metadata)
    metadata.reflect(engine, only=["accounts"])
    accounts = metadata.tables["accounts"]
    done = [0, 0, 0]
    for _ in range(turns):
        key = random.randrange(3)
        def work(connection):
            row = connection.execute(select(accounts).where(accounts.c.id == key)).one()
            connection.execute(update(accounts).where(accounts.c.id == key).values(balance=row.balance + 1))
            Outbox(connection, outbox).add(OutgoingEvent(
                type="t", topic="t", key=str(key), source="s", payload=str(row.balance + 1).encode()))
        Transactions(engine, lambda connection: connection).run(work)
        done[key] += 1
    return done

children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        try:
            os.write(1, (json.dumps(write()) + "\\n").encode())
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def plain(engine: Engine) -> Transactions[Connection]:
    return Transactions(engine, lambda connection: connection)


def add_accounts(engine: Engine, accounts: Table, count: int) -> None:
    rows = [{"id": n, "owner": f"owner {n}", "balance": 0, "version": 1} for n in range(count)]
    plain(engine).run(lambda c: c.execute(insert(accounts), rows))


def balances(engine: Engine, accounts: Table) -> list[int]:
    return list(
        plain(engine).read(lambda c: c.scalars(select(accounts.c.balance).order_by(accounts.c.id)).all())
    )


@pytest.mark.implementation("sqlite")
def test_processes_that_read_then_write_one_file_get_no_lock_error(
    tmp_path: Path, accounts: Table, outbox: Table
) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    engine = connect(url)
    accounts.metadata.create_all(engine)
    add_accounts(engine, accounts, 3)
    command = [sys.executable, "-c", WRITERS, url, "120"]
    writers = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    reader, relayed = OutboxReader(engine, outbox), []
    while writers.poll() is None:
        relayed += relay(reader)
        time.sleep(0.005)
    relayed += relay(reader, batch=1000)
    lines, complaints = writers.communicate()
    assert (writers.returncode, complaints) == (0, "")
    done = [json.loads(line) for line in lines.splitlines()]
    expected = [sum(counts) for counts in zip(*done, strict=True)]
    assert (len(done), sum(expected)) == (4, 480)
    assert balances(engine, accounts) == expected
    assert in_order(relayed) == {str(key): list(range(1, expected[key] + 1)) for key in range(3)}


def relay(reader: OutboxReader, batch: int = 100) -> list[OutgoingEvent]:
    rows = reader.unsent(batch)
    reader.mark_sent([row.id for row in rows])
    return [row.event for row in rows]


def in_order(events: list[OutgoingEvent]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for event in events:
        numbers.setdefault(event.key, []).append(int(event.payload))
    return numbers


@pytest.fixture
def mariadb(mysql_url: str, accounts: Table) -> Iterator[Engine]:
    engine = connect(mysql_url)
    accounts.metadata.drop_all(engine)
    accounts.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.mark.implementation("mariadb")
def test_deadlocked_transactions_both_succeed_because_the_victim_runs_again(
    mariadb: Engine, accounts: Table
) -> None:
    add_accounts(mariadb, accounts, 2)
    both_inside, attempts = threading.Barrier(2), []

    def cross(first: int, second: int) -> None:
        tries = 0

        def work(connection: Connection) -> None:
            nonlocal tries
            tries += 1
            add(connection, accounts, first)
            if tries == 1:
                both_inside.wait(60)
            add(connection, accounts, second)

        plain(mariadb).run(work)
        attempts.append(tries)

    with ThreadPoolExecutor(2) as pool:
        for crossing in [pool.submit(cross, 0, 1), pool.submit(cross, 1, 0)]:
            crossing.result()
    assert balances(mariadb, accounts) == [2, 2]
    assert sorted(attempts) == [1, 2], "the server made exactly one of them its victim"


def kill(engine: Engine, number: int) -> None:
    """Close a server connection from outside, as an administrator or a proxy does."""
    administrator = connect(engine.url, pool=1)
    with administrator.connect() as connection:
        connection.execute(text(f"KILL {number}"))
    administrator.dispose()


def add(connection: Connection, accounts: Table, number: int) -> None:
    grown = accounts.c.balance + 1
    connection.execute(update(accounts).where(accounts.c.id == number).values(balance=grown))


@pytest.mark.implementation("mariadb")
def test_a_permanent_deadlock_is_given_up_after_three_reruns(mariadb: Engine) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock'"))

    with pytest.raises(Unavailable, match="contended"):
        plain(mariadb).run(work)
    assert len(tries) == 4


@pytest.mark.implementation("mariadb")
@pytest.mark.parametrize(
    ("number", "error", "retry_after"),
    [
        (1040, Unavailable, 1.0),  # too many connections
        (1053, Unavailable, 1.0),  # shutting down
        (1290, Unavailable, 1.0),  # a primary that was demoted
        (1969, DeadlineExceeded, None),  # MariaDB stopped the statement
        (3024, DeadlineExceeded, None),  # MySQL stopped the statement
    ],
)
def test_an_unavailable_server_is_distinguished_from_a_wrong_statement(
    mariadb: Engine, number: int, error: type[Exception], retry_after: float | None
) -> None:
    words = "running with the --read-only option"
    signal = text(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = '{words}'")
    with pytest.raises(error) as caught:
        plain(mariadb).run(lambda c: c.execute(signal))
    assert getattr(caught.value, "retry_after", None) == retry_after


@pytest.mark.implementation("mariadb")
def test_reruns_end_at_the_deadline(mariadb: Engine) -> None:
    def work(connection: Connection) -> None:
        time.sleep(0.15)
        connection.execute(text("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock'"))

    with within(0.2), pytest.raises(DeadlineExceeded):
        plain(mariadb).run(work)


@pytest.mark.implementation("mariadb")
def test_a_lock_timeout_runs_the_whole_unit_of_work_again(mariadb: Engine, accounts: Table) -> None:
    add_accounts(mariadb, accounts, 2)
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        add(connection, accounts, 0)
        if len(tries) == 1:
            connection.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
        add(connection, accounts, 1)

    with mariadb.connect() as other:
        add(other, accounts, 1)
        commit = threading.Timer(1.3, other.commit)
        commit.start()
        plain(mariadb).run(work)
        commit.join()
    assert (len(tries), balances(mariadb, accounts)) == (2, [1, 2])


@pytest.mark.implementation("mariadb")
@pytest.mark.parametrize("take", [200, 100, 1], ids=["all", "half", "one"])
@pytest.mark.parametrize("index", ["PRIMARY", "ix_outbox_unsent"])
def test_marking_rows_as_sent_waits_for_no_writer(
    mariadb: Engine, outbox: Table, take: int, index: str
) -> None:
    """Not even for one about to commit the next row, whichever index the server chooses."""

    @listens_for(mariadb, "before_cursor_execute", retval=True)
    def choose(_1: object, _2: object, statement: str, parameters: object, _3: object, _4: bool) -> Any:
        return statement.replace("UPDATE outbox", f"UPDATE outbox FORCE INDEX ({index})"), parameters

    def event(number: int) -> OutgoingEvent:
        return OutgoingEvent(type="t", topic="t", key="1", source="s", payload=b"%d" % number)

    transactions = Transactions(mariadb, lambda connection: Outbox(connection, outbox))
    transactions.run(lambda writer: writer.add(*map(event, range(200))))
    reader = OutboxReader(mariadb, outbox)
    rows = reader.unsent(200)
    with mariadb.connect() as other:
        Outbox(other, outbox).add(event(200))
        with within(5.0):  # raises if it has to wait for the other writer
            reader.mark_sent([row.id for row in rows[:take]])
        assert reader.unsent(200) == rows[take:]
        other.commit()
    assert [row.payload for row in reader.unsent(200)[len(rows[take:]) :]] == [b"200"]


@pytest.mark.implementation("mariadb")
def test_a_connection_closed_while_idle_is_replaced_silently(mariadb: Engine, accounts: Table) -> None:
    def number(connection: Connection) -> int:
        found: int = connection.execute(text("SELECT CONNECTION_ID()")).scalar_one()
        return found

    kill(mariadb, plain(mariadb).read(number))
    add_accounts(mariadb, accounts, 1)
    assert balances(mariadb, accounts) == [0]


@pytest.mark.implementation("mariadb")
def test_a_connection_lost_repeatedly_is_unavailable(mariadb: Engine, accounts: Table) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        add(connection, accounts, 0)
        connection.execute(text("KILL CONNECTION_ID()"))
        connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable) as caught:
        plain(mariadb).run(work)
    assert (len(tries), caught.value.retry_after) == (2, 1.0)


@pytest.mark.implementation("mariadb")
def test_a_connection_lost_during_the_commit_is_not_retried(mariadb: Engine, accounts: Table) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        add(connection, accounts, 0)
        kill(mariadb, connection.execute(text("SELECT CONNECTION_ID()")).scalar_one())

    with pytest.raises(Unavailable, match="whether the work was done is unknown"):
        plain(mariadb).run(work)
    assert len(tries) == 1


@pytest.mark.implementation("mariadb")
def test_a_call_to_a_server_that_stops_responding_ends_at_the_deadline(mysql_url: str) -> None:
    with silenced(mysql_url) as (url, silence):
        engine = connect(url, pool=1)
        plain(engine).read(lambda c: c.execute(text("SELECT 1")).one())
        silence.set()
        started = time.monotonic()
        with within(0.3), pytest.raises(DeadlineExceeded):
            plain(engine).read(lambda c: c.execute(text("SELECT 1")).one())
        assert time.monotonic() - started < 3
        engine.dispose()


@contextmanager
def silenced(mysql_url: str) -> Iterator[tuple[URL, threading.Event]]:
    """A proxy to the server that drops all traffic from some moment on, like a broken network."""
    real, silence = make_url(mysql_url), threading.Event()

    def carry(near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                if not silence.is_set():
                    far.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(3) as pool:

        def serve() -> None:
            near, _ = server.accept()
            far = socket.create_connection((str(real.host), real.port or 3306))
            both = [pool.submit(carry, near, far), pool.submit(carry, far, near)]
            both[0].result()
            far.shutdown(socket.SHUT_RDWR)

        pool.submit(serve)
        yield real.set(host="127.0.0.1", port=server.getsockname()[1]), silence


def delayed_commit(
    engine: Engine, accounts: Table, outbox: Table, key: int, payload: int, hold: Callable[[], object]
) -> None:
    """Write an event as a repository does, row first, and delay the commit until `hold` returns."""

    def work(connection: Connection) -> None:
        add(connection, accounts, key)
        Outbox(connection, outbox).add(
            OutgoingEvent(type="t", topic="t", key=str(key), source="s", payload=str(payload).encode())
        )
        hold()

    plain(engine).run(work)


@pytest.mark.implementation("mariadb")
def test_an_event_committed_late_is_neither_lost_nor_out_of_order(
    mariadb: Engine, accounts: Table, outbox: Table
) -> None:
    add_accounts(mariadb, accounts, 2)
    reader, release, inside = OutboxReader(mariadb, outbox), threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        release.wait(60)

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(delayed_commit, mariadb, accounts, outbox, 0, 1, hold)
        assert inside.wait(60)
        after_it = pool.submit(delayed_commit, mariadb, accounts, outbox, 0, 2, lambda: None)
        delayed_commit(mariadb, accounts, outbox, 1, 1, lambda: None)
        early = relay(reader)
        assert in_order(early) == {"1": [1]}, "the event of the other key is sent first, with a higher id"
        assert relay(reader) == []
        assert not after_it.done(), "the same key waits for the row"
        release.set()
        slow.result(), after_it.result()
    assert in_order(relay(reader)) == {"0": [1, 2]}


def grow(accounts: Table, outbox: Table, key: int, seconds: float, connection: Connection) -> None:
    """Increment a counter, store an event with its value, and delay the commit by `seconds`."""
    add(connection, accounts, key)
    number = connection.scalars(select(accounts.c.balance).where(accounts.c.id == key)).one()
    Outbox(connection, outbox).add(
        OutgoingEvent(type="t", topic="t", key=str(key), source="s", payload=str(number).encode())
    )
    time.sleep(seconds)


@pytest.mark.implementation("mariadb")
def test_concurrent_writers_with_random_delays_lose_nothing_and_keep_the_order_of_each_key(
    mariadb: Engine, accounts: Table, outbox: Table
) -> None:
    add_accounts(mariadb, accounts, 4)
    reader, relayed, writing = OutboxReader(mariadb, outbox), [], True

    def write(writer: int) -> None:
        for turn in range(25):
            seconds = 0.004 * ((writer * 7 + turn) % 5)
            plain(mariadb).run(partial(grow, accounts, outbox, (writer + turn) % 4, seconds))

    def follow() -> None:
        while writing:
            relayed.extend(relay(reader))

    follower = threading.Thread(target=follow)
    follower.start()
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(write, writer) for writer in range(6)]:
            done.result()
    writing = False
    follower.join()
    relayed.extend(relay(reader))
    final = balances(mariadb, accounts)
    assert sum(final) == 150
    assert in_order(relayed) == {str(key): list(range(1, final[key] + 1)) for key in range(4)}
