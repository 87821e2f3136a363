"""Tests of the outbox: nothing is lost and each key keeps its order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from aether_adapters.kernel.events import OutgoingEvent
from aether_adapters.sql import Backlog, Outbox, OutboxReader, Transactions
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import Engine, Table

T = TypeVar("T")


def event(number: int, key: str = "7") -> OutgoingEvent:
    return OutgoingEvent(
        id=f"event-{number}",
        type="acme.billing.v1.InvoiceCreated",
        source="acme.billing",
        topic="acme.billing.v1",
        key=key,
        payload=bytes(range(256)) * 400,
        occurred_at=datetime(2026, 1, 2, 3, 4, 5, number, UTC),
        headers={"note": "grüße 🎉"},
    )


def write(engine: Engine, outbox: Table, *events: OutgoingEvent) -> None:
    Transactions(engine, lambda c: Outbox(c, outbox)).run(lambda box: box.add(*events))


def test_events_come_out_unchanged_and_in_order(engine: Engine, outbox: Table) -> None:
    write(engine, outbox, event(1), event(2))
    write(engine, outbox, event(3, key="8"))
    rows = OutboxReader(engine, outbox).unsent(10)
    assert [row.event for row in rows] == [event(1), event(2), event(3, key="8")]
    assert [row.id for row in rows] == sorted(row.id for row in rows)


def test_an_event_of_a_rolled_back_transaction_is_never_sent(engine: Engine, outbox: Table) -> None:
    def work(box: Outbox) -> None:
        box.add(event(1))
        raise LookupError

    with pytest.raises(LookupError):
        Transactions(engine, lambda c: Outbox(c, outbox)).run(work)
    assert OutboxReader(engine, outbox).unsent(10) == []


def test_sent_events_are_not_read_again_and_are_pruned_when_old(engine: Engine, outbox: Table) -> None:
    write(engine, outbox, event(1), event(2), event(3))
    reader = OutboxReader(engine, outbox)
    first, second, third = reader.unsent(10)
    reader.mark_sent([first.id, second.id])
    assert reader.unsent(10) == [third]
    assert reader.backlog() == Backlog(1, third.event.occurred_at)
    assert reader.prune(timedelta(hours=1)) == 0
    assert [reader.prune(timedelta(seconds=-1), limit=1) for _ in range(3)] == [1, 1, 0]
    reader.mark_sent([first.id, third.id])
    assert reader.backlog() == Backlog(0, None)


@pytest.mark.parametrize(
    "sent",
    [range(30), range(10, 20), range(0, 30, 2), (0, 1, 2, 4, 5, 9, 29), (9, 3, 4, 2), (7,)],
    ids=["all", "a run", "every other", "runs and single ones", "in no order", "one"],
)
def test_exactly_the_sent_rows_are_marked(engine: Engine, outbox: Table, sent: Sequence[int]) -> None:
    """In particular no row between two of them that was committed after the relay read."""
    write(engine, outbox, *[event(number) for number in range(30)])
    reader = OutboxReader(engine, outbox)
    rows = reader.unsent(30)
    reader.mark_sent([rows[number].id for number in sent])
    assert reader.unsent(30) == [row for number, row in enumerate(rows) if number not in sent]


def test_a_batch_is_no_larger_than_its_limit(engine: Engine, outbox: Table) -> None:
    write(engine, outbox, *[event(number) for number in range(5)])
    assert [row.event.id for row in OutboxReader(engine, outbox).unsent(2)] == ["event-0", "event-1"]


def test_an_id_is_never_reused_even_after_pruning(engine: Engine, outbox: Table) -> None:
    reader = OutboxReader(engine, outbox)
    write(engine, outbox, event(1))
    (row,) = reader.unsent(1)
    reader.mark_sent([row.id])
    reader.prune(timedelta(seconds=-1))
    write(engine, outbox, event(2))
    reader.mark_sent([row.id])
    assert [row.event for row in reader.unsent(1)] == [event(2)]


def test_an_event_carries_the_trace_of_its_writer(engine: Engine, outbox: Table) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("place order") as span:
        write(engine, outbox, event(1))
    write(engine, outbox, event(2))
    first, second = (row.event.headers for row in OutboxReader(engine, outbox).unsent(2))
    trace = span.get_span_context()
    parent = f"00-{trace.trace_id:032x}-{trace.span_id:016x}-{trace.trace_flags:02x}"
    assert first == {"note": "grüße 🎉", "traceparent": parent}
    assert second == {"note": "grüße 🎉"}
