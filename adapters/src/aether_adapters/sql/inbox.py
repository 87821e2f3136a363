"""The inbox: an event that Kafka delivers twice has its effect once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, Connection, Engine, Index, MetaData, Table, delete, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from aether_adapters.sql.transactions import Transactions
from aether_adapters.sql.types import UtcDateTime, exact


def inbox_table(metadata: MetaData, name: str = "inbox") -> Table:
    """The table, in a domain's own metadata so that its migrations create it."""
    return Table(
        name,
        metadata,
        Column("consumer", exact(100), primary_key=True),
        Column("event_id", exact(255), primary_key=True),
        Column("received_at", UtcDateTime, nullable=False),
        Index(f"ix_{name}_received_at", "received_at"),
    )


class Inbox:
    """Remembers, in the consumer's own transaction, which events it has handled."""

    __slots__ = ("_connection", "_table")

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table

    def first_time(self, consumer: str, event_id: str) -> bool:
        """True, and remembered, when `consumer` has not handled this event; False for a repetition.

        Forgotten again when the transaction rolls back. Two at once: the second waits for the first to end.
        """
        row = {"consumer": consumer, "event_id": event_id, "received_at": datetime.now(UTC)}
        try:
            self._connection.execute(insert(self._table), row)
        except IntegrityError:
            return False
        return True


class InboxCleaner:
    """Forgets what was handled long ago; the worker's side, outside any unit of work."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._transactions = Transactions(engine, lambda connection: connection)
        self._table = table

    def prune(self, older_than: timedelta, limit: int = 1000) -> int:
        """Forget at most `limit` events received longer ago than `older_than`; returns how many.

        An event that Kafka delivers again after that has its effect again: let `older_than` be more than the topic
        keeps its events. In small bites, so that no consumer waits long for a lock; call again while it returns
        `limit`.
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
