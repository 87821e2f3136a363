"""Unit of work: runs a use case's database work in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Unavailable
from aether_adapters.kernel.neighbour import Neighbour
from aether_adapters.kernel.tls import refusal
from aether_adapters.kernel.unit_of_work import NestedUnitOfWork
from aether_adapters.sql.error_codes import DatabaseErrorKind, error_kind, reason_of
from aether_adapters.sql.fair_lock import FAIR_LOCK, FairLock

R = TypeVar("R")
T = TypeVar("T")

NEIGHBOUR: Final = "aether_neighbour"
"""Execution option of an engine: the `Neighbour` that guards its units of work."""
_ANSWERED: Final = frozenset({None, DatabaseErrorKind.CONTENDED})
_IN_UNIT_OF_WORK: Final[ContextVar[bool]] = ContextVar("aether_unit_of_work", default=False)
_MAX_RERUNS: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.02
_LOCK_TIMEOUT_SECONDS: Final = 30.0
_NO_DEADLINE_SECONDS: Final = 3600.0


class Transactions(Generic[R]):
    """Opens, commits and re-runs units of work.

    `bind` turns a connection into what the work needs, usually a record of repositories and an outbox.
    """

    def __init__(self, engine: Engine, bind: Callable[[Connection], R]) -> None:
        self._engine = engine
        self._bind = bind

    def run(self, work: Callable[[R], T], /) -> T:
        """Run `work` and commit; on an exception roll back and raise it again.

        MySQL deadlocks (1213), lock timeouts (1205) and the like run all of `work` again, at most three times; so
        does, once, a connection lost before the commit. docs/failures.md lists the errors. `work` must therefore
        have no effect outside the database. Raises `Unavailable`, `Exhausted` (no free connection), `DeadlineExceeded`, `NestedUnitOfWork`;
        integrity errors pass unchanged.
        """
        lock: FairLock | None = self._engine.get_execution_options().get(FAIR_LOCK)
        if lock is None or _IN_UNIT_OF_WORK.get():
            return self._attempts(work)
        if not lock.acquire(remaining(_LOCK_TIMEOUT_SECONDS)):
            remaining(_NO_DEADLINE_SECONDS)
            raise Unavailable(
                f"Other threads have kept the database busy for {_LOCK_TIMEOUT_SECONDS:.0f} s.",
                retry_after=1.0,
            )
        try:
            return self._attempts(work)
        finally:
            lock.release()

    def read(self, work: Callable[[R], T], /) -> T:
        """Run `work`, which only reads, without a write lock. Raises as `run`, and `RuntimeError` for a write.

        On SQLite `work` sees one snapshot; on MySQL each statement sees what was committed when it started.
        """
        return self._attempts(work, reads=True)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Count the body as a call of the database, if that is a `Neighbour`."""
        neighbour: Neighbour | None = self._engine.get_execution_options().get(NEIGHBOUR)
        if neighbour is None:
            yield
            return
        call = neighbour.enter()
        accepted: bool | None = True
        try:
            yield
        except PoolTimeout:
            accepted = None  # no connection of ours was free
            raise
        except DeadlineExceeded:
            accepted = False
            raise
        except DBAPIError as error:
            accepted = error_kind(error) in _ANSWERED
            raise
        finally:
            neighbour.leave(call, accepted=accepted)

    def _attempts(self, work: Callable[[R], T], *, reads: bool = False) -> T:
        if _IN_UNIT_OF_WORK.get():
            raise NestedUnitOfWork
        token = _IN_UNIT_OF_WORK.set(True)
        try:
            contended, lost = 0, False
            while True:
                attempt = _Attempt(self._engine, self._bind, reads=reads)
                try:
                    with self._asking():
                        return attempt.run(work)
                except PoolTimeout as error:
                    remaining(_NO_DEADLINE_SECONDS)
                    raise Exhausted("Every database connection is busy.", retry_after=1.0) from error
                except DBAPIError as error:
                    kind = error_kind(error)
                    if kind is None:
                        raise
                    remaining(_NO_DEADLINE_SECONDS)
                    if kind is DatabaseErrorKind.CONTENDED and contended < _MAX_RERUNS:
                        contended += 1
                    elif kind is DatabaseErrorKind.LOST and not (lost or attempt.committing):
                        lost = True
                    else:
                        raise _technical(kind, error, committing=attempt.committing) from error
                pause = random.uniform(0, _FIRST_PAUSE_SECONDS * 2**contended)  # noqa: S311 # not for security
                time.sleep(min(pause, remaining(_NO_DEADLINE_SECONDS)))
        finally:
            _IN_UNIT_OF_WORK.reset(token)


class _Attempt(Generic[R]):
    """One run of the work; `committing` tells whether it reached the commit."""

    __slots__ = ("_bind", "_engine", "_reads", "committing")

    def __init__(self, engine: Engine, bind: Callable[[Connection], R], *, reads: bool) -> None:
        self._engine = engine
        self._bind = bind
        self._reads = reads
        self.committing = False

    def run(self, work: Callable[[R], T]) -> T:
        with self._engine.connect() as connection:
            if self._reads:
                driver: Any = connection.connection.dbapi_connection
                driver.read_only = True
            with connection.begin():
                result = work(self._bind(connection))
                remaining(_NO_DEADLINE_SECONDS)  # roll back after the deadline: nobody awaits the result
                self.committing = True
            return result


def _technical(kind: DatabaseErrorKind, error: DBAPIError, *, committing: bool) -> Exception:
    reason = refusal("the database", error) or reason_of(error)
    match kind:
        case DatabaseErrorKind.LOST | DatabaseErrorKind.UNAVAILABLE if committing:
            return Unavailable(
                "The database failed during the commit; whether the work was done is unknown.",
                reason=reason,
            )
        case DatabaseErrorKind.TIMED_OUT:
            return DeadlineExceeded("The database stopped a statement that took too long.")
        case DatabaseErrorKind.CONTENDED:
            return Unavailable("The database is contended; try again.", retry_after=1.0, reason=reason)
        case _:
            return Unavailable("The database is unavailable.", retry_after=1.0, reason=reason)
