"""Settles an order: sells or frees its seats, redeems or unlocks its coupons. Every use case here is idempotent."""

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
    """Sells the seats that the order holds. Raises `ReservationGone` if any of them were released before."""

    transactions: Transactions
    counter: StockCounter

    def __call__(self, request: types.ConfirmRequest, /) -> types.Reservations:
        settled, changed = _settle(self.transactions, request.order_id, Reservation.confirm)
        _update_counter(self.counter.confirmed, changed)
        return reservations_view(settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(port.Release):
    """Frees the seats that the order holds. Sold seats stay sold."""

    transactions: Transactions
    counter: StockCounter
    clock: Clock

    def __call__(self, request: types.ReleaseRequest, /) -> types.Reservations:
        now = self.clock.now()
        settled, changed = _settle(
            self.transactions, request.order_id, lambda reservation: reservation.release(now)
        )
        _update_counter(self.counter.give_back, changed)
        return reservations_view(settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemCoupons(port.RedeemCoupons):
    """Marks the coupons that are locked for the order as used."""

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
    """Unlocks the coupons that are locked for the order."""

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
    """Apply the change. Return every reservation of the order, and those that changed."""

    def settle(unit: UnitOfWork) -> tuple[list[Reservation], list[Reservation]]:
        before = unit.reservations.of_order(order_id)
        after = [change(reservation) for reservation in before]
        changed = [new for old, new in zip(before, after, strict=True) if new.status is not old.status]
        for reservation in changed:
            unit.reservations.settle(reservation)
        return [reservation.stored() for reservation in after], changed

    return transactions.run(settle)


def _update_counter(update: Callable[[int, int], None], changed: list[Reservation]) -> None:
    """Update the counter, after the commit. If it is down, `KeepStock` corrects it once it is back."""
    try:
        for reservation in changed:
            update(reservation.activity_id, reservation.order_id)
    except CounterAway:
        return
