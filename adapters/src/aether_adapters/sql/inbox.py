"""The inbox: an event that Kafka delivers twice has its effect once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, Connection, Index, MetaData, Table, delete, insert
from sqlalchemy.exc import IntegrityError

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

    def prune(self, older_than: timedelta) -> int:
        """Forget events received longer ago than `older_than`, more than the topic keeps them; returns how many."""
        before = datetime.now(UTC) - older_than
        return self._connection.execute(
            delete(self._table).where(self._table.c.received_at < before)
        ).rowcount
