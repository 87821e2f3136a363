"""Adapters that keep everything in memory: for unit tests, and as quick as they should be.

They store values, as the SQL ones do: a change that nobody saved is not there the next time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Lock
from typing import TypeVar

from aether_adapters.sql.idempotency import KnownKey

from aether_trade.application.ports import UnitOfWork
from aether_trade.domain.course import Course
from aether_trade.domain.errors import CourseHasChanged, CourseNotFound, OrderHasChanged, OrderNotFound
from aether_trade.domain.events import OrderEvent
from aether_trade.domain.order import Order
from aether_trade.domain.refund import Refund
from aether_trade.domain.values import Status

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An idempotency key; `until` and `since` are on the monotonic clock, in seconds."""

    fingerprint: str
    claimant: str
    until: float
    since: float
    result: str | None = None

    @property
    def lapsed(self) -> bool:
        return self.result is None and time.monotonic() >= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is stored; the containers change, what is in them never does."""

    courses: dict[int, Course] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    refunds: dict[int, Refund] = field(default_factory=dict)
    keys: dict[tuple[str, str], Claim] = field(default_factory=dict)
    inbox: set[tuple[str, str]] = field(default_factory=set)
    outbox: list[OrderEvent] = field(default_factory=list)

    def copy(self) -> "State":
        return State(
            courses=dict(self.courses),
            orders=dict(self.orders),
            refunds=dict(self.refunds),
            keys=dict(self.keys),
            inbox=set(self.inbox),
            outbox=list(self.outbox),
        )


class MemoryTransactions:
    """One at a time, each on a copy of the state, which takes its place if the work returns."""

    def __init__(self) -> None:
        self._state = State()
        self._lock = Lock()

    def run(self, work: Callable[[UnitOfWork], T], /) -> T:
        with self._lock:
            draft = self._state.copy()
            result = work(_unit(draft))
            self._state = draft
            return result

    def read(self, work: Callable[[UnitOfWork], T], /) -> T:
        return work(_unit(self._state.copy()))

    @property
    def outbox(self) -> tuple[OrderEvent, ...]:
        """The events that were stored, in their order."""
        return tuple(self._state.outbox)

    @property
    def refunds(self) -> tuple[Refund, ...]:
        """Every refund that was ever owed, in the order of their ids."""
        return tuple(sorted(self._state.refunds.values(), key=lambda refund: refund.id))


class MemoryCourses:
    def __init__(self, state: State) -> None:
        self._courses = state.courses

    def add(self, course: Course, /) -> Course:
        if course.id in self._courses:
            raise CourseHasChanged(course.id, course.version)
        return self._store(course)

    def get(self, course_id: int, /) -> Course:
        if course_id not in self._courses:
            raise CourseNotFound(course_id)
        return self._courses[course_id]

    def save(self, course: Course, /) -> Course:
        present = self._courses.get(course.id)
        if present is None or present.version != course.version:
            raise CourseHasChanged(course.id, course.version)
        return self._store(course)

    def page(self, *, on_sale_only: bool, before: int | None, limit: int) -> tuple[Course, ...]:
        wanted = [
            course
            for course in self._courses.values()
            if (course.on_sale or not on_sale_only) and (before is None or course.id < before)
        ]
        return tuple(sorted(wanted, key=lambda course: -course.id)[:limit])

    def _store(self, course: Course) -> Course:
        stored = course.stored()
        self._courses[stored.id] = stored
        return stored


class MemoryOrders:
    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, order: Order, /) -> Order:
        if order.id in self._state.orders:
            raise OrderHasChanged(order.id, order.version)
        return self._store(order)

    def get(self, order_id: int, /, *, buyer: str | None) -> Order:
        found = self._state.orders.get(order_id)
        if found is None or buyer not in (None, found.buyer):
            raise OrderNotFound(order_id)
        return found

    def save(self, order: Order, /) -> Order:
        present = self._state.orders.get(order.id)
        if present is None or present.version != order.version:
            raise OrderHasChanged(order.id, order.version)
        return self._store(order)

    def page(
        self,
        *,
        buyer: str | None,
        status: Status | None,
        before: int | None,
        limit: int,
    ) -> tuple[Order, ...]:
        wanted = [
            order
            for order in self._state.orders.values()
            if buyer in (None, order.buyer)
            and status in (None, order.status)
            and (before is None or order.id < before)
        ]
        return tuple(sorted(wanted, key=lambda order: -order.id)[:limit])

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[int, ...]:
        pending = (order for order in self._state.orders.values() if order.status is Status.PENDING_PAYMENT)
        due = sorted((order.deadline, order.id) for order in pending if order.deadline <= now)
        return tuple(order_id for _, order_id in due[:limit])

    def _store(self, order: Order) -> Order:
        stored = order.stored()
        self._state.orders[stored.id] = stored
        self._state.outbox.extend(order.events)
        return stored


class MemoryRefunds:
    def __init__(self, state: State) -> None:
        self._refunds = state.refunds

    def add(self, refund: Refund, /) -> None:
        self._refunds[refund.id] = refund

    def save(self, refund: Refund, /) -> None:
        self._refunds[refund.id] = refund

    def known(self, payment_id: str, /) -> bool:
        return any(refund.payment_id == payment_id for refund in self._refunds.values())

    def owed(self, *, limit: int) -> tuple[Refund, ...]:
        owed = (refund for refund in self._refunds.values() if refund.sent_at is None)
        return tuple(sorted(owed, key=lambda refund: (refund.attempts, refund.id))[:limit])


class MemoryKeys:
    def __init__(self, state: State) -> None:
        self._keys = state.keys

    def claim(self, scope: str, key: str, fingerprint: str, claimant: str, seconds: float) -> bool:
        known = self._keys.get((scope, key))
        if known is not None and not (known.lapsed and known.fingerprint == fingerprint):
            return False
        now = time.monotonic()
        self._keys[scope, key] = Claim(
            fingerprint=fingerprint,
            claimant=claimant,
            until=now + seconds,
            since=now if known is None else known.since,
        )
        return True

    def find(self, scope: str, key: str) -> KnownKey | None:
        known = self._keys.get((scope, key))
        if known is None:
            return None
        return KnownKey(fingerprint=known.fingerprint, result=known.result, lapsed=known.lapsed)

    def finish(self, scope: str, key: str, claimant: str, result: str) -> bool:
        known = self._keys.get((scope, key))
        if known is None or known.result is not None or known.claimant != claimant:
            return False
        self._keys[scope, key] = replace(known, result=result)
        return True

    def abandon(self, scope: str, key: str, claimant: str) -> None:
        known = self._keys.get((scope, key))
        if known is not None and known.result is None and known.claimant == claimant:
            del self._keys[scope, key]

    def prune(self, older_than: timedelta) -> int:
        before = time.monotonic() - older_than.total_seconds()
        old = [name for name, known in self._keys.items() if known.since < before]
        for name in old:
            del self._keys[name]
        return len(old)


class MemoryInbox:
    def __init__(self, state: State) -> None:
        self._state = state

    def first_time(self, consumer: str, event_id: str, /) -> bool:
        new = (consumer, event_id) not in self._state.inbox
        self._state.inbox.add((consumer, event_id))
        return new


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
        courses=MemoryCourses(state),
        orders=MemoryOrders(state),
        refunds=MemoryRefunds(state),
        keys=MemoryKeys(state),
        inbox=MemoryInbox(state),
    )
