"""Idempotency keys: a request that a client repeats, not knowing the first outcome, takes effect once.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from sqlalchemy import (
    Column,
    Connection,
    Delete,
    Float,
    Index,
    Insert,
    MetaData,
    Select,
    Table,
    Update,
    and_,
    bindparam,
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


@dataclass(frozen=True, slots=True)
class _Statements:
    """The statements of one table, built once. Their parameters are named apart from its columns."""

    find: Select[tuple[str, str | None, bool]]
    first: Insert
    take_over: Update
    finish: Update
    abandon: Delete


@cache
def _statements(table: Table) -> _Statements:
    columns = table.c
    until = database_now(bindparam("seconds", type_=Float))
    its = and_(columns.scope == bindparam("its_scope"), columns.key == bindparam("its_key"))
    lapsed = and_(columns.result.is_(None), columns.expires_at <= database_now())
    mine = and_(its, columns.claimant == bindparam("its_claimant"), columns.result.is_(None))
    return _Statements(
        find=select(columns.fingerprint, columns.result, lapsed.label("lapsed")).where(its),
        first=insert(table)
        .inline()
        .values(
            scope=bindparam("its_scope"),
            key=bindparam("its_key"),
            fingerprint=bindparam("its_fingerprint"),
            claimant=bindparam("its_claimant"),
            expires_at=until,
            created_at=database_now(),
        ),
        take_over=update(table)
        .where(its, lapsed, columns.fingerprint == bindparam("its_fingerprint"))
        .values(claimant=bindparam("its_claimant"), expires_at=until),
        finish=update(table).where(mine).values(result=bindparam("its_result")),
        abandon=delete(table).where(mine),
    )


class IdempotencyKeys:
    """Keys sent by clients, each within a scope such as the client; bound to one transaction.

    Claim a key in one transaction, do the work, and finish the key in the transaction that stores the result.
    If `finish` returns False, another claimant took over: roll back, so that the work is stored once. Times
    are the database's.
    """

    __slots__ = ("_connection", "_statements", "_table")

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._statements = _statements(table)

    def claim(self, scope: str, key: str, fingerprint: str, claimant: str, seconds: float) -> bool:
        """Claim a new key, or an unfinished one whose claim has lapsed, for `seconds`; return whether it worked.

        `fingerprint` identifies the request: only the same request can claim a lapsed key.
        """
        mine = {
            "its_scope": scope,
            "its_key": key,
            "its_fingerprint": fingerprint,
            "its_claimant": claimant,
            "seconds": seconds,
        }
        # Look it up first: a failed update or insert leaves a lock behind that others wait for.
        known = self.find(scope, key)
        if known is not None:
            return known.lapsed and self._connection.execute(self._statements.take_over, mine).rowcount == 1
        try:
            self._connection.execute(self._statements.first, mine)
        except IntegrityError:
            return False
        return True

    def find(self, scope: str, key: str) -> KnownKey | None:
        """Return what is stored for a key; None if it is new."""
        its = {"its_scope": scope, "its_key": key}
        row = self._connection.execute(self._statements.find, its).one_or_none()
        if row is None:
            return None
        return KnownKey(fingerprint=row.fingerprint, result=row.result, lapsed=bool(row.lapsed))

    def finish(self, scope: str, key: str, claimant: str, result: str) -> bool:
        """Store `result`; return False if the claimant no longer holds the key, and the transaction must roll back."""
        mine = {"its_scope": scope, "its_key": key, "its_claimant": claimant, "its_result": result}
        return self._connection.execute(self._statements.finish, mine).rowcount == 1

    def abandon(self, scope: str, key: str, claimant: str) -> None:
        """Delete a key whose work failed; do nothing if it is finished or held by another claimant."""
        mine = {"its_scope": scope, "its_key": key, "its_claimant": claimant}
        self._connection.execute(self._statements.abandon, mine)

    def prune(self, older_than: timedelta) -> int:
        """Delete keys claimed longer ago than `older_than`; return how many. A later repetition is a new request."""
        before = database_now(-older_than.total_seconds())
        return self._connection.execute(delete(self._table).where(self._table.c.created_at < before)).rowcount
