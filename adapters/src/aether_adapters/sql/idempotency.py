"""Idempotency keys: a request that a client sends again, because it does not know how the first one ended, has one effect.

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
    """The table, in a domain's own metadata so that its migrations create it."""
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
    """A key that was seen. `result` is None while its claimant works; `lapsed` says that it has had its time."""

    fingerprint: str
    result: str | None
    lapsed: bool


class IdempotencyKeys:
    """The keys that clients have sent, each within a scope such as its client; bound to one transaction.

    Claim a key in a transaction of its own, do the work, and finish the key in the transaction that stores what came
    of it: if the claim has lapsed meanwhile that transaction must roll back, so however long a claimant is stopped the
    work is stored once. Times are the database's.
    """

    __slots__ = ("_connection", "_table")

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table

    def claim(self, scope: str, key: str, fingerprint: str, claimant: str, seconds: float) -> bool:
        """Take a key that is new, or unfinished and past its claimant's seconds; False otherwise.

        `fingerprint` tells one request from another. A lapsed key is taken only by the same request.
        """
        table = self._table
        mine = {"claimant": claimant, "expires_at": database_now(seconds)}
        lapsed = and_(table.c.result.is_(None), table.c.expires_at <= database_now())
        taken = (
            update(table).where(self._is(scope, key), lapsed, table.c.fingerprint == fingerprint).values(mine)
        )
        first = insert(table).values(
            scope=scope, key=key, fingerprint=fingerprint, created_at=database_now(), **mine
        )
        # Looked up first: an update or insert that fails leaves a lock behind that others then wait for.
        known = self.find(scope, key)
        if known is not None:
            return known.lapsed and self._connection.execute(taken).rowcount == 1
        try:
            self._connection.execute(first)
        except IntegrityError:
            return False
        return True

    def find(self, scope: str, key: str) -> KnownKey | None:
        """What is known of a key; None for one that is new."""
        table = self._table
        lapsed = and_(table.c.result.is_(None), table.c.expires_at <= database_now()).label("lapsed")
        wanted = select(table.c.fingerprint, table.c.result, lapsed).where(self._is(scope, key))
        row = self._connection.execute(wanted).one_or_none()
        if row is None:
            return None
        return KnownKey(fingerprint=row.fingerprint, result=row.result, lapsed=bool(row.lapsed))

    def finish(self, scope: str, key: str, claimant: str, result: str) -> bool:
        """Keep `result`; False where the key is not the claimant's any more, and the transaction must roll back."""
        mine = and_(self._is(scope, key), self._unfinished(claimant))
        return self._connection.execute(update(self._table).where(mine).values(result=result)).rowcount == 1

    def abandon(self, scope: str, key: str, claimant: str) -> None:
        """Forget a key whose work came to nothing. Nothing happens where it is finished or somebody else's."""
        self._connection.execute(delete(self._table).where(self._is(scope, key), self._unfinished(claimant)))

    def prune(self, older_than: timedelta) -> int:
        """Forget keys first seen longer ago than `older_than`; returns how many. Nobody may repeat them after that."""
        before = database_now(-older_than.total_seconds())
        return self._connection.execute(delete(self._table).where(self._table.c.created_at < before)).rowcount

    def _is(self, scope: str, key: str) -> ColumnElement[bool]:
        return and_(self._table.c.scope == scope, self._table.c.key == key)

    def _unfinished(self, claimant: str) -> ColumnElement[bool]:
        return and_(self._table.c.claimant == claimant, self._table.c.result.is_(None))
