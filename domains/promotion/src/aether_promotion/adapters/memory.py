"""Adapters that keep everything in memory: for unit tests, and as quick as they should be.

They store values, as the SQL ones do: a change that nobody saved is not there the next time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Lock
from typing import TypeVar

from aether_adapters.kernel.errors import Exhausted

from aether_promotion.adapters.memory_repositories import (
    MemoryActivities,
    MemoryClaimAuthorities,
    MemoryCoupons,
    MemoryReservations,
    MemoryTemplates,
    State,
)
from aether_promotion.application.ports import Fate, UnitOfWork
from aether_promotion.domain.events import ClaimDecided, ClaimsClosed, PromotionEvent

T = TypeVar("T")


class MemoryTransactions:
    """One at a time, each on a copy of the state, which takes its place if the work returns."""

    def __init__(self) -> None:
        self._state = State()
        self._lock = Lock()

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        with self._lock:
            draft = self._copy()
            result = work(_unit(draft))
            self._state = draft
            return result

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        with self._lock:
            return work(_unit(self._copy()))

    @property
    def outbox(self) -> tuple[PromotionEvent, ...]:
        """The events that were stored, in their order."""
        return tuple(self._state.outbox)

    def _copy(self) -> State:
        return State(**{each.name: getattr(self._state, each.name).copy() for each in fields(State)})


@dataclass
class MemoryClaimLog:
    """Keeps what was appended, and marks where a test puts them; `broken` is raised instead."""

    events: list[ClaimDecided | ClaimsClosed] = field(default_factory=list)
    broken: Exception | None = None

    def append(self, claim: ClaimDecided, /) -> None:
        if self.broken is not None:
            raise self.broken
        self.events.append(claim)


class MemoryOrders:
    """What a test says of each order; those it says nothing of were never placed."""

    def __init__(self) -> None:
        self.fates: dict[int, Fate] = {}

    def fate(self, order_id: int, /) -> Fate:
        return self.fates.get(order_id, Fate.GONE)


class MemoryAllowance:
    """Lets `burst` through, and no more."""

    def __init__(self, burst: int) -> None:
        self.left = burst

    def take(self) -> None:
        if self.left < 1:
            raise Exhausted("Too many ask at once: come back in a moment.", retry_after=1.0)
        self.left -= 1


class MemoryClock:
    """Stands still until it is told to move."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def forward(self, by: timedelta) -> None:
        self._now += by


class MemoryIds:
    """1, 2, 3."""

    def __init__(self) -> None:
        self._ids = count(1)

    def next(self) -> int:
        return next(self._ids)


def _unit(state: State) -> UnitOfWork:
    return UnitOfWork(
        templates=MemoryTemplates(state),
        authorities=MemoryClaimAuthorities(state),
        coupons=MemoryCoupons(state),
        activities=MemoryActivities(state),
        reservations=MemoryReservations(state),
    )
