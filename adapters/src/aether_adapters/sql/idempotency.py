"""Idempotency keys: a request that a client repeats, not knowing the first outcome, takes effect once.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    MetaData,
    Table,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from aether_adapters.sql.database_clock import database_now
from aether_adapters.sql.types import UtcDateTime, exact


def idempotency_table(metadata: MetaData, name: str = "idempotency_keys") -> Table:
    """Define the table in a domain's own metadata, so that its migrations create it."""
    return Table(
        name,
        metadata,
        Column("scope", exact(255), primary_key=True),
        Column("key", exact(255), primary_key=True),
        Column("fingerprint", exact(64), nullable=False),
        Column("claimant", exact(64), nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Column("result", exact(255)),
        Column("created_at", UtcDateTime, nullable=False),
        Index(f"ix_{name}_created_at", "created_at"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """A key that was claimed before. `result` is None until it is finished; `lapsed` if its claim expired."""

    fingerprint: str
    result: str | None
    lapsed: bool


class IdempotencyKeys:
    """Keys sent by clients, each within a scope such as the client; bound to one transaction.

    Claim a key in one transaction, do the work, and finish the key in the transaction that stores the result.
    If `finish` returns False, another claimant took over: roll back, so that the work is stored once. Times
    are the database's.
    """

    __slots__ = ("_connection", "_table")

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table

    def claim(self, scope: str, key: str, fingerprint: str, claimant: str, seconds: float) -> bool:
        """Claim a new key, or an unfinished one whose claim has lapsed, for `seconds`; return whether it worked.

        `fingerprint` identifies the request: only the same request can claim a lapsed key.
        """
        table = self._table
        mine = {"claimant": claimant, "expires_at": database_now(seconds)}
        lapsed = and_(table.c.result.is_(None), table.c.expires_at <= database_now())
        taken = (
            update(table)
            .where(self._matches(scope, key), lapsed, table.c.fingerprint == fingerprint)
            .values(mine)
        )
        first = insert(table).values(
            scope=scope, key=key, fingerprint=fingerprint, created_at=database_now(), **mine
        )
        # Look it up first: a failed update or insert leaves a lock behind that others wait for.
        known = self.find(scope, key)
        if known is not None:
            return known.lapsed and self._connection.execute(taken).rowcount == 1
        try:
            self._connection.execute(first)
        except IntegrityError:
            return False
        return True

    def find(self, scope: str, key: str) -> KnownKey | None:
        """Return what is stored for a key; None if it is new."""
        table = self._table
        lapsed = and_(table.c.result.is_(None), table.c.expires_at <= database_now()).label("lapsed")
        wanted = select(table.c.fingerprint, table.c.result, lapsed).where(self._matches(scope, key))
        row = self._connection.execute(wanted).one_or_none()
        if row is None:
            return None
        return KnownKey(fingerprint=row.fingerprint, result=row.result, lapsed=bool(row.lapsed))

    def finish(self, scope: str, key: str, claimant: str, result: str) -> bool:
        """Store `result`; return False if the claimant no longer holds the key, and the transaction must roll back."""
        mine = and_(self._matches(scope, key), self._unfinished(claimant))
        return self._connection.execute(update(self._table).where(mine).values(result=result)).rowcount == 1

    def abandon(self, scope: str, key: str, claimant: str) -> None:
        """Delete a key whose work failed; do nothing if it is finished or held by another claimant."""
        self._connection.execute(
            delete(self._table).where(self._matches(scope, key), self._unfinished(claimant))
        )

    def prune(self, older_than: timedelta) -> int:
        """Delete keys claimed longer ago than `older_than`; return how many. A later repetition is a new request."""
        before = database_now(-older_than.total_seconds())
        return self._connection.execute(delete(self._table).where(self._table.c.created_at < before)).rowcount

    def _matches(self, scope: str, key: str) -> ColumnElement[bool]:
        return and_(self._table.c.scope == scope, self._table.c.key == key)

    def _unfinished(self, claimant: str) -> ColumnElement[bool]:
        return and_(self._table.c.claimant == claimant, self._table.c.result.is_(None))
