"""The outbox: events leave in the same transaction as the rows they tell of, and reach Kafka afterwards.

Pattern: https://microservices.io/patterns/data/transactional-outbox.html. Order: a relay takes rows that are
not sent, in id order, whatever ids it saw before; so a row whose commit was held back is late, never lost.
For one key ids rise in commit order as long as the aggregate's row is written before its events, because that
row's lock is then held until the commit. That order is the writer's duty: add events last.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from opentelemetry import propagate
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from aether_adapters.events import OutgoingEvent
from aether_adapters.sql.transactions import Transactions
from aether_adapters.sql.types import BigId, Bytes, UtcDateTime, exact

_NO_HEADERS: Final = "{}"
_READ: Final = ("id", "event_id", "type", "source", "topic", "key", "payload", "headers", "occurred_at")


def outbox_table(metadata: MetaData, name: str = "outbox") -> Table:
    """The table, in a domain's own metadata so that its migrations create it.

    One index serves the relay (`sent_at IS NULL` in id order) and the pruning (`sent_at < ...`).
    """
    return Table(
        name,
        metadata,
        Column("id", BigId, primary_key=True, autoincrement=True),
        Column("event_id", exact(64), nullable=False, unique=True),
        Column("type", exact(255), nullable=False),
        Column("source", exact(255), nullable=False),
        Column("topic", exact(249), nullable=False),
        Column("key", exact(255), nullable=False),
        Column("payload", Bytes, nullable=False),
        Column("headers", Text, nullable=False),
        Column("occurred_at", UtcDateTime, nullable=False),
        Column("sent_at", UtcDateTime, nullable=True),
        Index(f"ix_{name}_unsent", "sent_at", "id"),
        # Ids are never used twice, so a relay that woke up late cannot mark another event as sent.
        sqlite_autoincrement=True,
    )


class Outbox:
    """The writer's side, inside a unit of work."""

    __slots__ = ("_connection", "_insert")

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._insert = insert(table)

    def add(self, *events: OutgoingEvent) -> None:
        """Let `events` leave when the transaction commits, in this order; after the aggregate's row is written.

        The trace in force goes along as W3C `traceparent`.
        """
        if events:
            trace: dict[str, str] = {}
            propagate.inject(trace)
            rows = [_to_row(event, trace) for event in events]
            # One alone is told apart, because drivers take a detour for a list of one.
            self._connection.execute(self._insert, rows if len(rows) > 1 else rows[0])


def _to_row(event: OutgoingEvent, trace: dict[str, str]) -> dict[str, object]:
    return {
        "event_id": event.id,
        "type": event.type,
        "source": event.source,
        "topic": event.topic,
        "key": event.key,
        "payload": event.payload,
        "headers": json.dumps({**trace, **event.headers}) if trace or event.headers else _NO_HEADERS,
        "occurred_at": event.occurred_at,
    }


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that waits, and the number under which it is marked as sent."""

    id: int
    event: OutgoingEvent


def _from_row(row: Sequence[Any]) -> OutboxRow:
    # By position: by name costs a look-up each, and a relay reads thousands in a second.
    number, event_id, type_, source, topic, key, payload, headers, occurred_at = row
    event = OutgoingEvent(
        type=type_,
        topic=topic,
        key=key,
        payload=payload,
        source=source,
        id=event_id,
        occurred_at=occurred_at,
        headers=orjson.loads(headers) if headers != _NO_HEADERS else {},
    )
    return OutboxRow(number, event)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: how many events, and since when the oldest does."""

    count: int
    oldest: datetime | None


class OutboxReader:
    """The relay's side. One relay at a time (see `Lease`): two would break the order of a key."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._transactions = Transactions(engine, lambda connection: connection)
        columns = table.c
        self._table = table
        self._unsent = (
            select(*(columns[name] for name in _READ))
            .where(columns.sent_at.is_(None))
            .order_by(columns.id)
            .limit(bindparam("batch", type_=BigId))
        )
        self._mark = update(table).values(sent_at=bindparam("moment"))
        self._backlog = select(func.count(), func.min(columns.occurred_at)).where(columns.sent_at.is_(None))

    def unsent(self, limit: int) -> list[OutboxRow]:
        """At most `limit` events that are not marked as sent, in id order: for each key the order they happened in."""
        rows = self._transactions.read(
            lambda connection: connection.execute(self._unsent, {"batch": limit}).all()
        )
        return [_from_row(row) for row in rows]

    def mark_sent(self, ids: Sequence[int]) -> None:
        """Mark these rows as sent; ids that are marked already, or gone, are no error."""
        if not ids:
            return
        statement = self._mark.where(self._table.c.id.in_(ids), self._table.c.sent_at.is_(None))
        moment = datetime.now(UTC)
        self._transactions.run(lambda connection: connection.execute(statement, {"moment": moment}))

    def backlog(self) -> Backlog:
        """What waits now."""
        count, oldest = self._transactions.read(lambda connection: connection.execute(self._backlog).one())
        return Backlog(count, oldest)

    def prune(self, older_than: timedelta, limit: int = 1000) -> int:
        """Delete at most `limit` events that were sent longer ago than `older_than`; returns how many.

        In small bites, so that no writer waits long for a lock; call again while it returns `limit`.
        """
        table, before = self._table, datetime.now(UTC) - older_than

        def work(connection: Connection) -> int:
            old = select(table.c.id).where(table.c.sent_at < before).order_by(table.c.sent_at).limit(limit)
            ids = list(connection.scalars(old))
            return connection.execute(delete(table).where(table.c.id.in_(ids))).rowcount if ids else 0

        return self._transactions.run(work)
