"""Leases a worker number in the domain's own database, so that no two processes issue the same id.

Uniqueness does not rest on the lease but on `highest_ms`: before a term is granted, the last millisecond that
its holder may use is stored, and the next holder of the number begins above it. So neither a clock set back
across a restart nor a process suspended past its term repeats an id.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Row,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from aether_adapters.ids.format import EPOCH_MS, WORKERS
from aether_adapters.ids.snowflakes import Term
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import Exhausted, TechnicalError, Unavailable
from aether_adapters.sql.database_clock import database_now
from aether_adapters.sql.transactions import Transactions
from aether_adapters.sql.types import UtcDateTime, exact

_log = logging.getLogger(__name__)


def worker_lease_table(metadata: MetaData, name: str = "worker_leases") -> Table:
    """Define the table in a domain's own metadata, so that its migrations create it."""
    return Table(
        name,
        metadata,
        Column("worker", Integer, primary_key=True, autoincrement=False),
        Column("owner", exact(255), nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Column("highest_ms", BigInteger, nullable=False),
    )


_MAX_AHEAD_MS: Final = 1000
"""How far a number's ids may run ahead of the clock before another number is preferred."""

_WORKER_LEASES: Final = worker_lease_table(MetaData())


_ACQUIRE_SECONDS: Final = 5.0
"""Time for one attempt to lease a number in the background; a database that is frozen would hold it for half a minute."""
_RETRY_SECONDS: Final = 0.5


class _Renewal:
    """Thread that renews every `pause` seconds until stopped, first after `first`; retries a failure sooner."""

    def __init__(self, renew: Callable[[], None], pause: float, first: float) -> None:
        self._renew = renew
        self._pause = pause
        self._first = first
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker-lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        pause, failed = self._first, False
        while not self._stopping.wait(pause):
            try:
                self._renew()
                pause, failed = self._pause, False
            except (TechnicalError, SQLAlchemyError) as error:
                if not failed:
                    _log.warning("The lease of the worker number failed, and is tried again: %s", error)
                pause, failed = min(self._pause / 5, _RETRY_SECONDS), True


class WorkerLease:
    """A worker number, leased for `seconds` at a time and renewed in the background every third of that.

    Starts with `begin()`, `start()` or the first id, which must then not be requested inside a unit of work. `wall`
    returns seconds since 1970 and is read once per term; `clock` is monotonic, in nanoseconds.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        seconds: float = 30.0,
        workers: int = WORKERS,
        table: Table = _WORKER_LEASES,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if not 1 <= workers <= WORKERS:
            raise ValueError(f"workers is {workers}; the format has room for 1 to {WORKERS}.")
        self._transactions = Transactions(engine, lambda connection: connection)
        self._seconds = seconds
        self._workers = workers
        self._table = table
        self._wall = wall
        self._clock = clock
        self._lock = threading.Lock()
        self._term: Term | None = None
        self._owner = ""
        self._floor_ms = 0
        self._renewal: _Renewal | None = None
        _LEASES.add(self)

    @property
    def term(self) -> Term:
        """The current term, which may have ended. Raises as `start`."""
        term = self._term
        return self.start() if term is None else term

    def begin(self) -> None:
        """Lease a number in the background, and try until it succeeds; until then `term` raises `Unavailable`.

        So a process can open its ports while its database is away. Does nothing if a number is leased.
        """
        with self._lock:
            if self._renewal is None:
                self._renewal = _Renewal(self._renew, self._seconds / 3, first=0.0)

    def probe(self) -> None:
        """Raise `Unavailable` until a number is leased."""
        if self._term is None:
            raise Unavailable("No worker number has been leased yet.", retry_after=1.0)

    def start(self) -> Term:
        """Lease a number and keep it; do nothing if one is leased.

        Raises `Exhausted` if every number is leased, and `Unavailable`, also while `begin` has yet to succeed.
        """
        with self._lock:
            if self._term is None and self._renewal is not None:
                self.probe()
            if self._term is None:
                self._acquire()
                self._renewal = _Renewal(self._renew, self._seconds / 3, first=self._seconds / 3)
            assert self._term is not None  # noqa: S101 - narrows the type for mypy
            return self._term

    def stop(self) -> None:
        """Release the number, so that a restart need not wait for its term to end; a later id leases anew."""
        with self._lock:
            renewal, self._renewal = self._renewal, None
            if renewal is not None:
                renewal.stop()
            term, self._term = self._term, None
            if term is None:
                return
            # Read after dropping the term: no id above this millisecond was or will be issued from it.
            self._floor_ms = _millisecond(term, self._clock()) + 1
            try:
                self._write(term.worker, self._floor_ms, 0.0)
            except (TechnicalError, SQLAlchemyError) as error:
                _log.warning(
                    "Worker number %d was not released; its lease will lapse: %s", term.worker, error
                )

    def __enter__(self) -> WorkerLease:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._term = self._renewal = None

    def _acquire(self) -> None:
        now_ns, now_ms = self._clock(), self._now_ms()
        owner = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"
        worker, anchor_ms = self._transactions.run(lambda connection: self._take(connection, owner, now_ms))
        self._owner = owner
        self._term = self._grant(worker, anchor_ms, now_ns)

    def _renew(self) -> None:
        term = self._term
        if term is None:
            with within(_ACQUIRE_SECONDS):
                self._acquire()
            return
        now_ns = self._clock()
        self._floor_ms = _millisecond(term, now_ns)
        anchor_ms = max(self._now_ms(), self._floor_ms)
        with within(self._seconds / 3):
            if self._write(term.worker, anchor_ms + self._term_ms, self._seconds):
                self._term = self._grant(term.worker, anchor_ms, now_ns)
            else:
                _log.warning("Worker number %d was leased to another process; taking a new one.", term.worker)
                self._acquire()

    def _grant(self, worker: int, anchor_ms: int, now_ns: int) -> Term:
        return Term(worker, anchor_ms, now_ns, now_ns + int(self._seconds * 1e9))

    @property
    def _term_ms(self) -> int:
        return int(self._seconds * 1000) + 1

    def _now_ms(self) -> int:
        return int(self._wall() * 1000) - EPOCH_MS

    def _write(self, worker: int, highest_ms: int, seconds: float) -> bool:
        table = self._table
        statement = (
            update(table)
            .where(table.c.worker == worker, table.c.owner == self._owner)
            .values(expires_at=database_now(seconds), highest_ms=highest_ms)
        )
        return self._transactions.run(lambda connection: connection.execute(statement).rowcount == 1)

    def _take(self, connection: Connection, owner: str, now_ms: int) -> tuple[int, int]:
        """Return the number taken and the millisecond at which its term begins."""
        table = self._table
        now_ms = max(now_ms, self._floor_ms)
        lapsed = (table.c.expires_at <= database_now()).label("lapsed")
        looked = select(table, lapsed).where(table.c.worker < self._workers)
        while candidates := _candidates(connection.execute(looked).all(), self._workers, now_ms):
            for worker, row in candidates:
                anchor_ms = now_ms if row is None else max(now_ms, row.highest_ms + 1)
                values = {
                    "owner": owner,
                    "expires_at": database_now(self._seconds),
                    "highest_ms": anchor_ms + self._term_ms,
                }
                if row is None:
                    try:
                        connection.execute(insert(table).values(worker=worker, **values))
                    except IntegrityError:
                        continue
                    return worker, anchor_ms
                # As it was read: a late holder may have renewed it since, issued ids above `highest_ms`, and left.
                unchanged = (
                    table.c.worker == worker,
                    table.c.owner == row.owner,
                    table.c.highest_ms == row.highest_ms,
                    table.c.expires_at <= database_now(),
                )
                if connection.execute(update(table).where(*unchanged).values(**values)).rowcount == 1:
                    return worker, anchor_ms
            # Others were quicker with each of them. Another may be free by now: only a look that finds none says so.
        raise Exhausted(
            f"All {self._workers} worker numbers are leased by processes that issue ids for this database. "
            "Stop some, or wait until the leases of dead ones end.",
            retry_after=self._seconds,
        )


def _candidates(rows: Sequence[Row[Any]], workers: int, now_ms: int) -> list[tuple[int, Row[Any] | None]]:
    """Return the free numbers, best first: used before, never used, with ids ahead of the clock."""
    free = [row for row in rows if row.lapsed]
    used = {row.worker for row in rows}
    past = sorted((row.worker, row) for row in free if row.highest_ms < now_ms + _MAX_AHEAD_MS)
    ahead = sorted(
        (row.highest_ms, row.worker, row) for row in free if row.highest_ms >= now_ms + _MAX_AHEAD_MS
    )
    unused = ((worker, None) for worker in range(workers) if worker not in used)
    return [*past, *unused, *((worker, row) for _, worker, row in ahead)]


def _millisecond(term: Term, now_ns: int) -> int:
    return term.anchor_ms + (now_ns - term.anchor_ns) // 1_000_000


_LEASES: Final[weakref.WeakSet[WorkerLease]] = weakref.WeakSet()


def _forget_terms() -> None:
    for lease in _LEASES:
        lease._forget()


# A forked child has no renewal thread, and the number is its parent's; it leases its own.
os.register_at_fork(after_in_child=_forget_terms)
