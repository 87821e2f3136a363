"""Promotion's stores, claim log and allowance in memory, and the states of orders that trade would report."""

from dataclasses import dataclass, field

from aether_adapters.kernel.errors import Exhausted
from aether_adapters.testing import memory as kit

from aether_promotion.application.ports import Fate, UnitOfWork
from aether_promotion.domain.events import ClaimDecided, ClaimsClosed, PromotionEvent

from .memory_repositories import (
    MemoryActivities,
    MemoryClaimAuthorities,
    MemoryCoupons,
    MemoryReservations,
    MemoryTemplates,
    State,
)


class MemoryTransactions(kit.MemoryTransactions[State, UnitOfWork, PromotionEvent]):
    def __init__(self) -> None:
        super().__init__(State(), _unit)


@dataclass
class MemoryClaimLog:
    """Keeps appended claims, and the marks that a test adds. Raises `broken` instead if it is set."""

    events: list[ClaimDecided | ClaimsClosed] = field(default_factory=list)
    broken: Exception | None = None

    def append(self, claim: ClaimDecided, /) -> None:
        if self.broken is not None:
            raise self.broken
        self.events.append(claim)


class MemoryOrders:
    """The fates of orders as a test sets them; any other order was never placed."""

    def __init__(self) -> None:
        self.fates: dict[int, Fate] = {}

    def fate(self, order_id: int, /) -> Fate:
        return self.fates.get(order_id, Fate.GONE)


class MemoryAllowance:
    """Allows `burst` requests in all."""

    def __init__(self, burst: int) -> None:
        self.left = burst

    def take(self) -> None:
        if self.left < 1:
            raise Exhausted("Too many requests at once: try again in a moment.", retry_after=1.0)
        self.left -= 1


def _unit(state: State) -> UnitOfWork:
    return UnitOfWork(
        templates=MemoryTemplates(state),
        authorities=MemoryClaimAuthorities(state),
        coupons=MemoryCoupons(state),
        activities=MemoryActivities(state),
        reservations=MemoryReservations(state),
    )
