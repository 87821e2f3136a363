"""Inbox: makes event handlers idempotent, so that an event delivered twice takes effect once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, Connection, Engine, Index, MetaData, Table, delete, select, tuple_
from sqlalchemy.exc import IntegrityError

from aether_adapters.sql.statements import insert_into
from aether_adapters.sql.transactions import Transactions
from aether_adapters.sql.types import UtcDateTime, exact


def inbox_table(metadata: MetaData, name: str = "inbox") -> Table:
    """Define the table in a domain's own metadata, so that its migrations create it."""
    return Table(
        name,
        metadata,
        Column("consumer", exact(100), primary_key=True),
        Column("event_id", exact(255), primary_key=True),
        Column("received_at", UtcDateTime, nullable=False),
        Index(f"ix_{name}_received_at", "received_at"),
    )


class Inbox:
    """Records handled events in the consumer's own transaction."""

    __slots__ = ("_connection", "_table")

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table

    def first_time(self, consumer: str, event_id: str) -> bool:
        """Record the event; return False if `consumer` has handled it before.

        A rollback removes the record. If two transactions record one event, the second waits until the first
        ends.
        """
        row = {"consumer": consumer, "event_id": event_id, "received_at": datetime.now(UTC)}
        try:
            self._connection.execute(insert_into(self._table), row)
        except IntegrityError:
            return False
        return True


class InboxCleaner:
    """Deletes old records, outside any unit of work."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._transactions = Transactions(engine, lambda connection: connection)
        self._table = table

    def prune(self, older_than: timedelta, limit: int = 1000) -> int:
        """Delete at most `limit` events received longer ago than `older_than`; return how many.

        An event delivered again after that takes effect again, so `older_than` must exceed the topic's
        retention. Each call deletes few rows, so that no consumer waits long for a lock; call again while it
        returns `limit`.
        """
        columns, before = self._table.c, datetime.now(UTC) - older_than
        key = tuple_(columns.consumer, columns.event_id)
        old = (
            select(columns.consumer, columns.event_id)
            .where(columns.received_at < before)
            .order_by(columns.received_at)
            .limit(limit)
        )

        def work(connection: Connection) -> int:
            keys = [tuple(row) for row in connection.execute(old)]
            return connection.execute(delete(self._table).where(key.in_(keys))).rowcount if keys else 0

        return self._transactions.run(work)
