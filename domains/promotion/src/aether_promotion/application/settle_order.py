"""What an order took is settled: its seats and its coupons become its own, or free again. All of it idempotent."""

from collections.abc import Callable
from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.ports import (
    Clock,
    CounterAway,
    StockCounter,
    Transactions,
    UnitOfWork,
)
from aether_promotion.application.views import coupons_view, reservations_view
from aether_promotion.domain.activity import Reservation
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.values import CouponStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(port.Confirm):
    """Sells what the order holds. Raises `ReservationGone` if any of it was given back before."""

    transactions: Transactions
    counter: StockCounter

    def __call__(self, request: types.ConfirmRequest, /) -> types.Reservations:
        settled, changed = _settle(self.transactions, request.order_id, Reservation.confirm)
        _tell(self.counter.confirmed, changed)
        return reservations_view(settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(port.Release):
    """Gives back what the order holds; what it has paid stays with it."""

    transactions: Transactions
    counter: StockCounter
    clock: Clock

    def __call__(self, request: types.ReleaseRequest, /) -> types.Reservations:
        now = self.clock.now()
        settled, changed = _settle(
            self.transactions, request.order_id, lambda reservation: reservation.release(now)
        )
        _tell(self.counter.give_back, changed)
        return reservations_view(settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemCoupons(port.RedeemCoupons):
    """Marks what is locked for the order as used."""

    transactions: Transactions
    clock: Clock

    def __call__(self, request: types.RedeemCouponsRequest, /) -> types.LockedCoupons:
        now = self.clock.now()

        def redeem(unit: UnitOfWork) -> list[Coupon]:
            locked = unit.coupons.of_order(request.order_id)
            return [
                unit.coupons.save(coupon.redeem(now)) if coupon.status is CouponStatus.LOCKED else coupon
                for coupon in locked
            ]

        return coupons_view(self.transactions.run(redeem))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCoupons(port.ReleaseCoupons):
    """Gives what is locked for the order back to its owner."""

    transactions: Transactions

    def __call__(self, request: types.ReleaseCouponsRequest, /) -> types.LockedCoupons:
        def release(unit: UnitOfWork) -> list[Coupon]:
            found = unit.coupons.of_order(request.order_id)
            return [
                unit.coupons.save(coupon.release())
                for coupon in found
                if coupon.status is CouponStatus.LOCKED
            ]

        return coupons_view(self.transactions.run(release))


def _settle(
    transactions: Transactions, order_id: int, change: Callable[[Reservation], Reservation]
) -> tuple[list[Reservation], list[Reservation]]:
    """Every reservation of the order as it is now, and those that were changed."""

    def settle(unit: UnitOfWork) -> tuple[list[Reservation], list[Reservation]]:
        before = unit.reservations.of_order(order_id)
        after = [change(reservation) for reservation in before]
        changed = [new for old, new in zip(before, after, strict=True) if new.status is not old.status]
        for reservation in changed:
            unit.reservations.settle(reservation)
        return [reservation.stored() for reservation in after], changed

    return transactions.run(settle)


def _tell(counter: Callable[[int, int], None], changed: list[Reservation]) -> None:
    """After the commit: the counter may be away, and `KeepStock` corrects it when it is back."""
    try:
        for reservation in changed:
            counter(reservation.activity_id, reservation.order_id)
    except CounterAway:
        return
