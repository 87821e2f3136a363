"""Lease: one of several processes does the work while the others stand by.

Expiry uses the database's clock, so machines need not agree on the time. The holder uses its monotonic clock,
counted from before the request, so it considers the lease lapsed before the database grants it to anyone
else. A lease cannot recall a message that its holder has begun to send, so the work must be idempotent or
carry `fence`, which increases with every new holder.
Source: https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.sql.database_clock import database_now
from aether_adapters.sql.transactions import Transactions
from aether_adapters.sql.types import UtcDateTime, exact


def lease_table(metadata: MetaData, name: str = "leases") -> Table:
    """Define the table in a domain's own metadata, so that its migrations create it."""
    return Table(
        name,
        metadata,
        Column("name", exact(100), primary_key=True),
        Column("owner", exact(255), nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
    )


_LEASES = lease_table(MetaData())


class Lease:
    """The exclusive right to do the work `name`, for `seconds` at a time; do not share it between threads.

    `owner` is for people who read the table: two objects with the same owner still exclude each other.
    `clock` returns monotonic seconds.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        owner: str,
        seconds: float = 15.0,
        *,
        table: Table = _LEASES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transactions = Transactions(engine, lambda connection: connection)
        self._table = table
        self._clock = clock
        self._until = float("-inf")
        self.name = name
        self.owner = owner
        self.seconds = seconds
        self.fence = 0

    @property
    def held(self) -> bool:
        """Whether the work may be done now; needs no database, and turns false when the lease lapses."""
        return self._clock() < self._until

    def hold(self) -> bool:
        """Take or keep the lease; return whether it is held. Call it often.

        It asks the database only after a third of the term. Raises `Unavailable` if the database is
        unavailable and the lease is not held.
        """
        if not self.held:
            return self.acquire()
        if self._until - self._clock() > self.seconds * 2 / 3:
            return True
        try:
            return self.renew()
        except TechnicalError:
            if not self.held:
                raise
            return True

    def seconds_left(self) -> float:
        """Return for how many seconds the lease is still granted to anyone; 0 if it is free. Raises `Unavailable`."""
        table = self._table
        asked = select(table.c.expires_at, database_now()).where(table.c.name == self.name)
        row = self._transactions.read(lambda connection: connection.execute(asked).one_or_none())
        return 0.0 if row is None else max(0.0, (row[0] - row[1]).total_seconds())

    def acquire(self) -> bool:
        """Take the lease if it is free; return whether it is held. Raises `Unavailable`."""
        asked = self._clock()
        fence = self._transactions.run(self._take)
        if fence is None:
            return False
        self.fence = fence
        self._until = asked + self.seconds
        return True

    def renew(self) -> bool:
        """Extend the lease by another term; return False, and give it up, if another process has taken it.

        Raises `Unavailable`; the lease is then held until the end of the current term.
        """
        asked = self._clock()
        mine = self._update_own(database_now(self.seconds))
        if self._transactions.run(mine):
            self._until = asked + self.seconds
            return True
        self._until = float("-inf")
        return False

    def release(self) -> None:
        """Let another process take the lease at once; do nothing if it is not held."""
        if self.fence:
            self._until = float("-inf")
            self._transactions.run(self._update_own(database_now()))
            self.fence = 0

    def _update_own(self, expires_at: database_now) -> Callable[[Connection], bool]:
        table = self._table
        statement = (
            update(table)
            .where(table.c.name == self.name, table.c.fence == self.fence)
            .values(expires_at=expires_at)
        )
        return lambda connection: connection.execute(statement).rowcount == 1

    def _take(self, connection: Connection) -> int | None:
        table = self._table
        lapsed = (
            update(table)
            .where(table.c.name == self.name, table.c.expires_at <= database_now())
            .values(owner=self.owner, fence=table.c.fence + 1, expires_at=database_now(self.seconds))
        )
        if connection.execute(lapsed).rowcount == 0:
            first = insert(table).values(
                name=self.name, owner=self.owner, fence=1, expires_at=database_now(self.seconds)
            )
            try:
                connection.execute(first)
            except IntegrityError:
                return None
        fence: int = connection.scalars(select(table.c.fence).where(table.c.name == self.name)).one()
        return fence
