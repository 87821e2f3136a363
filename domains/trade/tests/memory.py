"""The stores of trade in memory."""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from aether_adapters.testing import memory as kit

from aether_trade.application.ports import UnitOfWork
from aether_trade.domain.course import Course
from aether_trade.domain.errors import CourseHasChanged, CourseNotFound, OrderHasChanged, OrderNotFound
from aether_trade.domain.events import OrderEvent
from aether_trade.domain.order import Order
from aether_trade.domain.refund import Refund
from aether_trade.domain.values import Status


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
class State(kit.MemoryState[OrderEvent]):
    courses: dict[int, Course] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    refunds: dict[int, Refund] = field(default_factory=dict)
    keys: dict[tuple[str, str], Claim] = field(default_factory=dict)


class MemoryTransactions(kit.MemoryTransactions[State, UnitOfWork, OrderEvent]):
    def __init__(self) -> None:
        super().__init__(State(), _unit)

    @property
    def refunds(self) -> tuple[Refund, ...]:
        """Every refund that was ever owed, in the order of their ids."""
        return tuple(sorted(self._state.refunds.values(), key=lambda refund: refund.id))


class MemoryCourses(kit.MemoryTable[Course]):
    def __init__(self, state: State) -> None:
        super().__init__(
            state.courses,
            missing=CourseNotFound,
            conflict=CourseHasChanged,
        )

    def get(self, course_id: int, /) -> Course:
        return self._find(course_id)

    def page(self, *, on_sale_only: bool, before: int | None, limit: int) -> tuple[Course, ...]:
        return self._newest(
            before=before, limit=limit, where=lambda course: course.on_sale or not on_sale_only
        )


class MemoryOrders(kit.PublishingTable[Order]):
    def __init__(self, state: State) -> None:
        super().__init__(
            state.orders,
            state.outbox,
            missing=OrderNotFound,
            conflict=OrderHasChanged,
        )

    def get(self, order_id: int, /, *, buyer: str | None) -> Order:
        found = self._find(order_id)
        if buyer not in (None, found.buyer):
            raise OrderNotFound(order_id)
        return found

    def page(
        self, *, buyer: str | None, status: Status | None, before: int | None, limit: int
    ) -> tuple[Order, ...]:
        return self._newest(
            before=before,
            limit=limit,
            where=lambda order: buyer in (None, order.buyer) and status in (None, order.status),
        )

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[int, ...]:
        pending = (order for order in self._rows.values() if order.status is Status.PENDING_PAYMENT)
        due = sorted((order.deadline, order.id) for order in pending if order.deadline <= now)
        return tuple(order_id for _, order_id in due[:limit])


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

    def find(self, scope: str, key: str) -> Claim | None:
        return self._keys.get((scope, key))

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


def _unit(state: State) -> UnitOfWork:
    return UnitOfWork(
        courses=MemoryCourses(state),
        orders=MemoryOrders(state),
        refunds=MemoryRefunds(state),
        keys=MemoryKeys(state),
        inbox=kit.MemoryInbox(state.inbox),
    )
