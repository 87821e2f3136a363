from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.ports import Clock, Transactions, UnitOfWork
from aether_promotion.application.views import coupons_view
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.errors import TooManyCoupons
from aether_promotion.domain.values import MAX_COUPONS_PER_USER


@dataclass(frozen=True, slots=True, kw_only=True)
class LockCoupons(port.LockCoupons):
    """Locks the buyer's coupons for an order, all or none; one of two concurrent orders gets them."""

    transactions: Transactions
    clock: Clock

    def __call__(self, request: types.LockCouponsRequest, /) -> types.LockedCoupons:
        now = self.clock.now()
        coupon_ids = sorted(set(request.coupon_ids))  # same locking order for everybody: no deadlock
        if len(coupon_ids) > MAX_COUPONS_PER_USER:
            raise TooManyCoupons(len(coupon_ids), MAX_COUPONS_PER_USER)

        def lock(unit: UnitOfWork) -> list[Coupon]:
            # Row locks: the second of two concurrent orders reads what the first one stored, and raises `CouponLocked`.
            coupons = [unit.coupons.hold(one, owner=request.buyer) for one in coupon_ids]
            locked = [coupon.lock(request.order_id, until=request.expires_at, now=now) for coupon in coupons]
            return [
                new if new is old else unit.coupons.save(new)
                for old, new in zip(coupons, locked, strict=True)
            ]

        return coupons_view(self.transactions.run(lock))
