"""In-memory counterparts of the kits for unit tests: transactions, tables, inbox, clock and ids.

They store values, as SQL does: a change that is not saved is gone in the next transaction. They import no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Lock
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from aether_adapters.kernel.unit_of_work import NestedUnitOfWork

E = TypeVar("E")
S = TypeVar("S", bound="MemoryState[Any]")
T = TypeVar("T")
U = TypeVar("U")

_INSIDE: Final[ContextVar[bool]] = ContextVar("aether_memory_unit_of_work", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryState(Generic[E]):
    """What is stored. A domain adds a container for each table; containers change, and the values in them never do."""

    inbox: set[tuple[str, str]] = field(default_factory=set)
    outbox: list[E] = field(default_factory=list)

    def copy(self) -> Self:
        """Return the same values in containers of their own."""
        return type(self)(**{each.name: copy(getattr(self, each.name)) for each in fields(self)})


class MemoryTransactions(Generic[S, U, E]):
    """Runs units of work one at a time, each on a copy of the state, which replaces the state if the work returns.

    `bind` turns a state into what the work needs, as the argument of that name does for SQL's `Transactions`.
    """

    def __init__(self, state: S, bind: Callable[[S], U]) -> None:
        self._state = state
        self._bind = bind
        self._lock = Lock()

    def run(self, work: Callable[[U], T], /) -> T:
        """Do the work and keep what it changed; if it raises, keep nothing. Raises `NestedUnitOfWork`."""
        with _alone(), self._lock:
            draft = self._state.copy()
            result = work(self._bind(draft))
            self._state = draft
            return result

    def read(self, work: Callable[[U], T], /) -> T:
        """Do work that only reads. Raises `NestedUnitOfWork`, and `RuntimeError` if the work wrote."""
        with _alone():
            state = self._state
            draft = state.copy()
            result = work(self._bind(draft))
            if draft != state:
                raise RuntimeError("A unit of work that was opened to read wrote: open it with run().")
            return result

    @property
    def outbox(self) -> tuple[E, ...]:
        """The events that were stored, in order."""
        return tuple(self._state.outbox)


class Versioned(Protocol):
    """An aggregate; `version` counts how often it was stored."""

    @property
    def id(self) -> int: ...
    @property
    def version(self) -> int: ...
    def stored(self) -> Self:
        """Return the aggregate as the store keeps it: one version on, without events."""
        ...


class Publishing(Versioned, Protocol):
    """An aggregate with events that are not stored yet."""

    @property
    def events(self) -> Sequence[object]: ...


A = TypeVar("A", bound=Versioned)
P = TypeVar("P", bound=Publishing)


class MemoryTable(Generic[A]):
    """Aggregates by id, saved only over the version they were loaded with, as by SQL's `update_versioned`.

    `missing(id)` and `conflict(id, version)` make the domain's own errors.
    """

    def __init__(
        self,
        rows: dict[int, A],
        *,
        missing: Callable[[int], Exception],
        conflict: Callable[[int, int], Exception],
    ) -> None:
        self._rows = rows
        self._missing = missing
        self._conflict = conflict

    def add(self, row: A, /) -> A:
        """Store a new one; raises `conflict` if its id is taken."""
        if row.id in self._rows:
            raise self._conflict(row.id, row.version)
        return self._store(row)

    def save(self, row: A, /) -> A:
        """Store a change; raises `conflict` if the stored version is not the loaded one."""
        present = self._rows.get(row.id)
        if present is None or present.version != row.version:
            raise self._conflict(row.id, row.version)
        return self._store(row)

    def _find(self, row_id: int) -> A:
        """Return the one of that id; raises `missing`."""
        found = self._rows.get(row_id)
        if found is None:
            raise self._missing(row_id)
        return found

    def _newest(
        self, *, before: int | None, limit: int, where: Callable[[A], bool] = lambda _: True
    ) -> tuple[A, ...]:
        """Return at most `limit` of those that match `where` and have ids below `before`, highest id first."""
        ids = sorted((each for each in self._rows if before is None or each < before), reverse=True)
        return tuple(row for row in map(self._rows.__getitem__, ids) if where(row))[:limit]

    def _store(self, row: A) -> A:
        stored = self._rows[row.id] = row.stored()
        return stored


class PublishingTable(MemoryTable[P]):
    """A table whose aggregates have events, which go to the outbox as they are stored."""

    def __init__(
        self,
        rows: dict[int, P],
        outbox: list[Any],
        *,
        missing: Callable[[int], Exception],
        conflict: Callable[[int, int], Exception],
    ) -> None:
        super().__init__(rows, missing=missing, conflict=conflict)
        self._outbox = outbox

    def _store(self, row: P) -> P:
        self._outbox.extend(row.events)
        return super()._store(row)


class MemoryInbox:
    """The events that each consumer has handled."""

    def __init__(self, handled: set[tuple[str, str]]) -> None:
        self._handled = handled

    def first_time(self, consumer: str, event_id: str, /) -> bool:
        """Remember the event; False if this consumer has handled it before."""
        new = (consumer, event_id) not in self._handled
        self._handled.add((consumer, event_id))
        return new


class MemoryClock:
    """Stands still until a test moves it."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def forward(self, by: timedelta) -> None:
        """Move the clock; a negative `by` sets it back."""
        self._now += by


class MemoryIds:
    """Counts 1, 2, 3."""

    def __init__(self) -> None:
        self._ids = count(1)

    def next(self) -> int:
        """Return an id that was not returned before."""
        return next(self._ids)


@contextmanager
def _alone() -> Iterator[None]:
    if _INSIDE.get():
        raise NestedUnitOfWork
    token = _INSIDE.set(True)
    try:
        yield
    finally:
        _INSIDE.reset(token)
