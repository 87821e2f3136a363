"""Tests of units of work: all or nothing, whatever the database does."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Unavailable
from aether_adapters.sql import NestedUnitOfWork, Transactions, connect, probe
from sqlalchemy import Connection, Engine, Table, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError


def plain(engine: Engine) -> Transactions[Connection]:
    return Transactions(engine, lambda connection: connection)


def account(table: Table, number: int, balance: int = 100) -> dict[str, object]:
    return {"id": number, "owner": f"owner {number}", "balance": balance, "version": 1}


def balances(engine: Engine, table: Table) -> dict[int, int]:
    rows = plain(engine).read(lambda c: c.execute(select(table.c.id, table.c.balance)).all())
    return {row.id: row.balance for row in rows}


def test_run_returns_the_works_result_after_the_commit(engine: Engine, accounts: Table) -> None:
    def work(connection: Connection) -> str:
        connection.execute(insert(accounts), account(accounts, 1))
        return "done"

    assert plain(engine).run(work) == "done"
    assert balances(engine, accounts) == {1: 100}


def test_an_error_rolls_back_and_reaches_the_caller_unchanged(engine: Engine, accounts: Table) -> None:
    class OutOfStock(Exception):
        pass

    def work(connection: Connection) -> None:
        connection.execute(insert(accounts), account(accounts, 1))
        raise OutOfStock

    with pytest.raises(OutOfStock):
        plain(engine).run(work)
    assert balances(engine, accounts) == {}


def test_an_integrity_error_passes_unchanged_and_is_not_retried(engine: Engine, accounts: Table) -> None:
    attempts: list[int] = []

    def work(connection: Connection) -> None:
        attempts.append(1)
        connection.execute(insert(accounts), [account(accounts, 1), account(accounts, 1)])

    with pytest.raises(IntegrityError):
        plain(engine).run(work)
    assert (len(attempts), balances(engine, accounts)) == (1, {})


def test_a_unit_of_work_inside_another_is_refused(engine: Engine) -> None:
    transactions = plain(engine)
    for outer in (transactions.run, transactions.read):
        for inner in (transactions.run, transactions.read):
            with pytest.raises(NestedUnitOfWork, match="is already open"):
                outer(lambda _: inner(lambda _: None))  # noqa: B023 - called at once
    assert transactions.run(lambda _: "still usable") == "still usable"


def test_a_read_refuses_to_write(engine: Engine, accounts: Table) -> None:
    with pytest.raises(RuntimeError, match=r"open it with run\(\)"):
        plain(engine).read(lambda c: c.execute(insert(accounts), account(accounts, 1)))


def test_a_wrong_statement_raises_the_drivers_error(engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="no_such_table"):
        plain(engine).read(lambda c: c.execute(text("SELECT * FROM no_such_table")))


def test_nothing_starts_after_the_deadline(engine: Engine, accounts: Table) -> None:
    with within(0.01), pytest.raises(DeadlineExceeded):
        time.sleep(0.02)
        plain(engine).run(lambda c: c.execute(insert(accounts), account(accounts, 1)))
    assert balances(engine, accounts) == {}


def test_late_work_is_not_committed(engine: Engine, accounts: Table) -> None:
    def slow(connection: Connection) -> None:
        connection.execute(insert(accounts), account(accounts, 1))
        time.sleep(0.3)

    with within(0.2), pytest.raises(DeadlineExceeded):
        plain(engine).run(slow)
    assert balances(engine, accounts) == {}


def test_a_wait_for_another_transactions_lock_ends_at_the_deadline(engine: Engine, accounts: Table) -> None:
    plain(engine).run(lambda c: c.execute(insert(accounts), account(accounts, 1)))
    change = update(accounts).values(balance=0)
    with engine.connect() as other, other.begin():
        other.execute(change)
        started = time.monotonic()
        with within(0.5), pytest.raises(DeadlineExceeded):
            plain(engine).run(lambda c: c.execute(change))
        assert 0.4 < time.monotonic() - started < 4
    assert balances(engine, accounts) == {1: 0}


def test_a_long_statement_is_stopped_at_the_deadline(engine: Engine) -> None:
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        if engine.dialect.name == "sqlite"
        else "SELECT SLEEP(20)"
    )
    started = time.monotonic()
    with within(0.5), pytest.raises(DeadlineExceeded):
        plain(engine).read(lambda c: c.execute(text(endless)).all())
    assert 0.4 < time.monotonic() - started < 4


def test_an_exhausted_pool_raises_with_a_retry_delay(url: str) -> None:
    engine = connect(url, pool=1, pool_seconds=0.1)
    with engine.connect():
        with pytest.raises(Exhausted) as caught:
            plain(engine).read(lambda _: None)
        assert caught.value.retry_after == 1.0
    engine.dispose()


def test_a_wait_for_a_connection_ends_at_the_deadline(url: str) -> None:
    engine = connect(url, pool=1)
    with engine.connect():
        started = time.monotonic()
        with within(0.2), pytest.raises(DeadlineExceeded):
            plain(engine).read(lambda _: None)
        assert time.monotonic() - started < 4
    engine.dispose()


@pytest.mark.implementation("sqlite")
def test_a_wait_for_the_fair_lock_ends_at_the_deadline_and_the_next_waiter_gets_it(tmp_path: Path) -> None:
    transactions = plain(connect(f"sqlite:///{tmp_path}/test.db"))
    inside, release = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        inside.set()
        release.wait(60)

    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(transactions.run, hold)
        inside.wait(60)
        with within(0.2), pytest.raises(DeadlineExceeded):
            transactions.run(lambda _: None)
        later = pool.submit(transactions.run, lambda _: "my turn")
        release.set()
        assert (holder.result(60), later.result(60)) == (None, "my turn")


@pytest.mark.implementation("sqlite")
def test_continuously_writing_threads_do_not_starve_each_other(tmp_path: Path, accounts: Table) -> None:
    engine = connect(f"sqlite:///{tmp_path}/test.db")
    accounts.metadata.create_all(engine)
    transactions = plain(engine)
    transactions.run(lambda c: c.execute(insert(accounts), account(accounts, 1)))
    done: list[int] = []

    def turn(thread: int, connection: Connection) -> None:
        connection.execute(update(accounts).values(balance=thread))
        done.append(thread)

    def write(thread: int) -> int:
        """Return the most writes of others between this thread's request and its turn."""
        most = 0
        for _ in range(60):
            asked = len(done)
            transactions.run(partial(turn, thread))
            most = max(most, len(done) - asked)
        return most

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(write, range(8))) < 60


def test_concurrent_increments_of_one_row_lose_nothing(engine: Engine, accounts: Table) -> None:
    transactions = plain(engine)
    transactions.run(lambda c: c.execute(insert(accounts), account(accounts, 1, balance=0)))

    def add(connection: Connection) -> None:
        query = select(accounts.c.balance).where(accounts.c.id == 1).with_for_update()
        balance = connection.scalars(query).one()
        connection.execute(update(accounts).values(balance=balance + 1))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(transactions.run, add) for _ in range(200)]:
            done.result()
    assert balances(engine, accounts) == {1: 200}


def test_a_probe_succeeds_while_the_database_responds(engine: Engine) -> None:
    probe(engine)()


def test_an_unreachable_server_is_unavailable() -> None:
    engine = connect("mysql+pymysql://root@127.0.0.1:1/nowhere")
    with pytest.raises(Unavailable) as caught:
        probe(engine)()
    assert caught.value.retry_after == 1.0


def test_a_missing_folder_is_created_and_an_impossible_one_is_an_error(tmp_path: Path) -> None:
    probe(connect(f"sqlite:///{tmp_path}/new/folder/test.db"))()
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        connect(f"sqlite:///{tmp_path}/file/test.db")


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "postgresql://localhost/x"])
def test_an_unsupported_address_is_refused_by_name(address: str) -> None:
    with pytest.raises(ValueError, match=r"name a file|use mysql\+pymysql"):
        connect(address)


@pytest.mark.implementation("sqlite")
@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite:///file:{}?uri=true"])
def test_a_new_database_and_its_log_are_for_their_owner_only(tmp_path: Path, form: str) -> None:
    file = tmp_path / "new" / "test.db"
    before = os.umask(0o022)
    try:
        engine = connect(form.format(file))
        assert not file.exists(), "nothing is opened before it is used"
        plain(engine).run(lambda c: c.execute(text("CREATE TABLE t (i INT)")))
        modes = {
            path.name: oct(path.stat().st_mode & 0o777) for path in (file.parent, *file.parent.iterdir())
        }
        engine.dispose()
    finally:
        os.umask(before)
    assert modes == {"new": "0o700", "test.db": "0o600", "test.db-wal": "0o600", "test.db-shm": "0o600"}
