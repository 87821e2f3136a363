"""Unit of work: runs a use case's database work in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Unavailable
from aether_adapters.kernel.unit_of_work import NestedUnitOfWork
from aether_adapters.sql.error_codes import DatabaseErrorKind, error_kind
from aether_adapters.sql.fair_lock import FAIR_LOCK, FairLock
from aether_adapters.sql.timeouts import READ_ONLY, refuse_writes

R = TypeVar("R")
T = TypeVar("T")

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
        self._writing = engine
        self._reading = engine.execution_options(**{READ_ONLY: True})
        refuse_writes(self._reading)
        self._bind = bind

    def run(self, work: Callable[[R], T], /) -> T:
        """Run `work` and commit; on an exception roll back and raise it again.

        MySQL deadlocks (1213) and lock timeouts (1205) run all of `work` again, at most three times; so does,
        once, a connection lost before the commit. `work` must therefore have no effect outside the database.
        Raises `Unavailable`, `Exhausted` (no free connection), `DeadlineExceeded`, `NestedUnitOfWork`;
        integrity errors pass unchanged.
        """
        lock: FairLock | None = self._writing.get_execution_options().get(FAIR_LOCK)
        if lock is None or _IN_UNIT_OF_WORK.get():
            return self._attempts(self._writing, work)
        if not lock.acquire(remaining(_LOCK_TIMEOUT_SECONDS)):
            remaining(_NO_DEADLINE_SECONDS)
            raise Unavailable(
                f"Other threads have kept the database busy for {_LOCK_TIMEOUT_SECONDS:.0f} s.",
                retry_after=1.0,
            )
        try:
            return self._attempts(self._writing, work)
        finally:
            lock.release()

    def read(self, work: Callable[[R], T], /) -> T:
        """Run `work`, which only reads, without a write lock. Raises as `run`, and `RuntimeError` for a write.

        On SQLite `work` sees one snapshot; on MySQL each statement sees what was committed when it started.
        """
        return self._attempts(self._reading, work)

    def _attempts(self, engine: Engine, work: Callable[[R], T]) -> T:
        if _IN_UNIT_OF_WORK.get():
            raise NestedUnitOfWork
        token = _IN_UNIT_OF_WORK.set(True)
        try:
            contended, lost = 0, False
            while True:
                attempt = _Attempt(engine, self._bind)
                try:
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
                        raise _technical(kind, committing=attempt.committing) from error
                pause = random.uniform(0, _FIRST_PAUSE_SECONDS * 2**contended)  # noqa: S311 # not for security
                time.sleep(min(pause, remaining(_NO_DEADLINE_SECONDS)))
        finally:
            _IN_UNIT_OF_WORK.reset(token)


class _Attempt(Generic[R]):
    """One run of the work; `committing` tells whether it reached the commit."""

    __slots__ = ("_bind", "_engine", "committing")

    def __init__(self, engine: Engine, bind: Callable[[Connection], R]) -> None:
        self._engine = engine
        self._bind = bind
        self.committing = False

    def run(self, work: Callable[[R], T]) -> T:
        with self._engine.connect() as connection:
            with connection.begin():
                result = work(self._bind(connection))
                remaining(_NO_DEADLINE_SECONDS)  # roll back after the deadline: nobody awaits the result
                self.committing = True
            return result


def _technical(kind: DatabaseErrorKind, *, committing: bool) -> Exception:
    match kind:
        case DatabaseErrorKind.LOST if committing:
            return Unavailable(
                "The database connection was lost during the commit; whether the work was done is unknown."
            )
        case DatabaseErrorKind.TIMED_OUT:
            return DeadlineExceeded("The database stopped a statement that took too long.")
        case DatabaseErrorKind.CONTENDED:
            return Unavailable("The database is contended; try again.", retry_after=1.0)
        case _:
            return Unavailable("The database is unavailable.", retry_after=1.0)
