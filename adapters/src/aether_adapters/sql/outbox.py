"""Transactional outbox: stores events with the rows they describe; a relay sends them to Kafka afterwards.

Pattern: https://microservices.io/patterns/data/transactional-outbox.html. The relay takes unsent rows in id
order and remembers no position, so a row that commits late is sent late, never lost. The ids of one key rise
in commit order if the aggregate's row is written before its events, because that row's lock is held until the
commit. Writers must therefore add events last.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

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
    select,
    update,
)

from aether_adapters.kernel.events import OutgoingEvent
from aether_adapters.sql.statements import insert_into
from aether_adapters.sql.transactions import Transactions
from aether_adapters.sql.types import BigId, Bytes, UtcDateTime, exact

_NO_HEADERS: Final = "{}"
_MAX_RANGES: Final = 8
"""Up to here separate range updates cost less than one statement with a thousand ids."""


def outbox_table(metadata: MetaData, name: str = "outbox") -> Table:
    """Define the table in a domain's own metadata, so that its migrations create it.

    One index serves the relay (`sent_at IS NULL` in id order) and pruning (`sent_at < ...`).
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
        # Ids are never reused, so a relay that resumes late cannot mark another event as sent.
        sqlite_autoincrement=True,
    )


class Outbox:
    """Writer's side of the outbox, inside a unit of work."""

    __slots__ = ("_connection", "_insert")

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._insert = insert_into(table)

    def add(self, *events: OutgoingEvent) -> None:
        """Store `events`, to be sent in this order after the commit. Write the aggregate's row first.

        The current trace is stored with them as W3C `traceparent`.
        """
        if events:
            trace: dict[str, str] = {}
            propagate.inject(trace)
            rows = [_to_row(event, trace) for event in events]
            # A single row is passed by itself, because drivers are slower with a list of one.
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


class OutboxRow(NamedTuple):
    """An unsent event as stored in the table; `mark_sent` takes its `id`.

    A tuple instead of an event, because a relay reads thousands per second and needs only the message's
    fields.
    """

    id: int
    event_id: str
    type: str
    source: str
    topic: str
    key: str
    payload: bytes
    headers: str
    occurred_at: datetime

    @property
    def more_headers(self) -> dict[str, str]:
        """The event's own headers, stored as JSON."""
        return {} if self.headers == _NO_HEADERS else orjson.loads(self.headers)

    @property
    def event(self) -> OutgoingEvent:
        """The event as it was added to the outbox."""
        return OutgoingEvent(
            type=self.type,
            topic=self.topic,
            key=self.key,
            payload=self.payload,
            source=self.source,
            id=self.event_id,
            occurred_at=self.occurred_at,
            headers=self.more_headers,
        )


@dataclass(frozen=True, slots=True)
class Backlog:
    """Number of unsent events, and the time of the oldest; None if there are none."""

    count: int
    oldest: datetime | None


class OutboxReader:
    """Relay's side of the outbox. Only one relay may run (see `Lease`): two would break a key's order."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._transactions = Transactions(engine, lambda connection: connection)
        columns = table.c
        self._table = table
        self._unsent = (
            select(*(columns[name] for name in OutboxRow._fields))
            .where(columns.sent_at.is_(None))
            .order_by(columns.id)
            .limit(bindparam("batch", type_=BigId))
        )
        mark = update(table).where(columns.sent_at.is_(None)).values(sent_at=bindparam("moment"))
        self._mark = mark.where(columns.id.in_(bindparam("ids", expanding=True)))
        self._mark_run = mark.where(columns.id.between(bindparam("first"), bindparam("last")))
        self._backlog = select(func.count(), func.min(columns.occurred_at)).where(columns.sent_at.is_(None))

    def unsent(self, limit: int) -> list[OutboxRow]:
        """Return at most `limit` unsent events in id order, which for each key is the order of occurrence."""
        rows = self._transactions.read(
            lambda connection: connection.execute(self._unsent, {"batch": limit}).all()
        )
        return list(map(OutboxRow._make, rows))

    def mark_sent(self, ids: Sequence[int]) -> None:
        """Mark these rows as sent; ignores ids that are marked already or gone."""
        if not ids:
            return
        runs = _runs(ids)
        if len(runs) > _MAX_RANGES:
            ranges, single_ids = [], list(ids)
        else:
            # Each range excludes its last id, which is updated by itself: if MySQL uses the index on
            # `sent_at` it also locks the row behind a range, and would wait for a writer that is about to
            # commit it.
            ranges = [(first, last - 1) for first, last in runs if first < last]
            single_ids = [last for _, last in runs]
        moment = datetime.now(UTC)

        def work(connection: Connection) -> None:
            for first, last in ranges:
                connection.execute(self._mark_run, {"moment": moment, "first": first, "last": last})
            connection.execute(self._mark, {"moment": moment, "ids": single_ids})

        self._transactions.run(work)

    def backlog(self) -> Backlog:
        """Return the current backlog."""
        count, oldest = self._transactions.read(lambda connection: connection.execute(self._backlog).one())
        return Backlog(count, oldest)

    def prune(self, older_than: timedelta, limit: int = 1000) -> int:
        """Delete at most `limit` events sent longer ago than `older_than`; return how many.

        Each call deletes few rows, so that no writer waits long for a lock; call again while it returns
        `limit`.
        """
        table, before = self._table, datetime.now(UTC) - older_than

        def work(connection: Connection) -> int:
            old = select(table.c.id).where(table.c.sent_at < before).order_by(table.c.sent_at).limit(limit)
            ids = list(connection.scalars(old))
            return connection.execute(delete(table).where(table.c.id.in_(ids))).rowcount if ids else 0

        return self._transactions.run(work)


def _runs(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers: every number in a range is in `ids`."""
    runs: list[tuple[int, int]] = []
    first = last = min(ids)
    for number in sorted(ids):
        if number > last + 1:
            runs.append((first, last))
            first = number
        last = number
    return [*runs, (first, last)]
