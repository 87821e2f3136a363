"""Tests of the inbox and of optimistic locking."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
from aether_adapters.sql import BigId, Inbox, InboxCleaner, Transactions, UtcDateTime, update_versioned
from sqlalchemy import Column, Connection, Engine, MetaData, Table, insert, select, update


class Stale(Exception):
    """A domain's conflict."""


def boxes(engine: Engine, inbox: Table) -> Transactions[Inbox]:
    return Transactions(engine, lambda connection: Inbox(connection, inbox))


def _first_time(question: tuple[str, str], box: Inbox) -> bool:
    return box.first_time(*question)


def test_each_consumer_sees_an_event_as_new_once(engine: Engine, inbox: Table) -> None:
    transactions = boxes(engine, inbox)
    asked = [("tally", "e1"), ("tally", "e1"), ("mail", "e1"), ("tally", "e2"), ("tally", "E1")]
    answers = [transactions.run(partial(_first_time, question)) for question in asked]
    assert answers == [True, False, True, True, True]


def test_a_repeated_event_leaves_the_transaction_usable(engine: Engine, inbox: Table) -> None:
    transactions = boxes(engine, inbox)
    assert transactions.run(lambda box: [box.first_time("tally", e) for e in ("e1", "e1", "e2")]) == [
        True,
        False,
        True,
    ]
    assert not transactions.run(lambda box: box.first_time("tally", "e2"))


def test_an_event_is_new_again_after_its_handling_rolled_back(engine: Engine, inbox: Table) -> None:
    def fail(box: Inbox) -> None:
        box.first_time("tally", "e1")
        raise LookupError

    with pytest.raises(LookupError):
        boxes(engine, inbox).run(fail)
    assert boxes(engine, inbox).run(lambda box: box.first_time("tally", "e1"))


def test_an_event_handled_twice_concurrently_counts_once(engine: Engine, inbox: Table) -> None:
    inside, answers = threading.Event(), []

    def first(box: Inbox) -> None:
        answers.append(("first", box.first_time("tally", "e1")))
        inside.set()
        other.join(0.3)

    def second() -> None:
        inside.wait(60)
        answers.append(("second", boxes(engine, inbox).run(lambda box: box.first_time("tally", "e1"))))

    other = threading.Thread(target=second)
    other.start()
    boxes(engine, inbox).run(first)
    other.join()
    assert answers == [("first", True), ("second", False)]


def test_old_inbox_records_are_deleted(engine: Engine, inbox: Table) -> None:
    transactions, cleaner = boxes(engine, inbox), InboxCleaner(engine, inbox)
    for question in (("tally", "e1"), ("mail", "e1"), ("tally", "e2")):
        assert transactions.run(partial(_first_time, question))
    long_ago = {"received_at": datetime.now(UTC) - timedelta(days=2)}
    old = update(inbox).where(inbox.c.event_id == "e1").values(long_ago)
    Transactions(engine, lambda connection: connection).run(lambda connection: connection.execute(old))
    assert cleaner.prune(timedelta(days=3)) == 0
    assert [cleaner.prune(timedelta(days=1), limit=1) for _ in range(3)] == [1, 1, 0]
    assert not transactions.run(partial(_first_time, ("tally", "e2")))
    assert transactions.run(partial(_first_time, ("tally", "e1")))


def test_saving_over_a_newer_version_is_a_conflict(engine: Engine, accounts: Table) -> None:
    transactions = Transactions(engine, lambda connection: connection)
    loaded = {"id": 1, "owner": "ann", "balance": 100, "version": 1}
    transactions.run(lambda c: c.execute(insert(accounts), [loaded, {**loaded, "id": 2, "owner": "bob"}]))
    changed = {**loaded, "balance": 50, "version": 2}

    def save(connection: Connection) -> None:
        update_versioned(connection, accounts, changed, loaded=1, conflict=Stale)

    transactions.run(save)
    with pytest.raises(Stale):
        transactions.run(save)
    rows = transactions.read(lambda c: c.execute(select(accounts).order_by(accounts.c.id)).mappings().all())
    assert [dict(row) for row in rows] == [changed, {**loaded, "id": 2, "owner": "bob"}]


def test_saving_equal_values_over_the_right_version_is_no_conflict(engine: Engine, accounts: Table) -> None:
    transactions = Transactions(engine, lambda connection: connection)
    row = {"id": 1, "owner": "ann", "balance": 100, "version": 1}
    transactions.run(lambda c: c.execute(insert(accounts), row))
    transactions.run(lambda c: update_versioned(c, accounts, row, loaded=1, conflict=Stale))


def test_saving_over_a_deleted_row_is_a_conflict(engine: Engine, accounts: Table) -> None:
    row = {"id": 1, "owner": "ann", "balance": 100, "version": 2}
    with pytest.raises(Stale):
        Transactions(engine, lambda connection: connection).run(
            lambda c: update_versioned(c, accounts, row, loaded=1, conflict=Stale)
        )


def test_a_datetime_and_a_64_bit_id_are_stored_exactly(engine: Engine) -> None:
    metadata = MetaData()
    table = Table(
        "moments", metadata, Column("id", BigId, primary_key=True), Column("at", UtcDateTime, nullable=True)
    )
    metadata.create_all(engine)
    tokyo = timezone(timedelta(hours=9))
    rows = [
        (2**63 - 1, datetime(2026, 12, 31, 23, 59, 59, 999999, UTC)),
        (2**53 + 1, datetime(2026, 1, 1, 8, 0, 0, 1, tokyo)),
        (7, None),
    ]
    transactions = Transactions(engine, lambda connection: connection)
    transactions.run(lambda c: c.execute(insert(table), [{"id": id_, "at": at} for id_, at in rows]))
    found = transactions.read(lambda c: c.execute(select(table).order_by(table.c.id.desc())).all())
    assert [tuple(row) for row in found] == rows
    assert found[1].at.tzinfo is UTC
    with pytest.raises(Exception, match="has no time zone"):
        transactions.run(lambda c: c.execute(insert(table), {"id": 1, "at": datetime(2026, 1, 1)}))
