from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.ports import Clock, Transactions
from aether_promotion.application.views import coupon_view


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCoupon(port.GetCoupon):
    """Reads one of the caller's own coupons."""

    transactions: Transactions
    clock: Clock

    def __call__(self, request: types.GetCouponRequest, /) -> types.Coupon:
        owner = request.caller.subject
        found = self.transactions.read(lambda unit: unit.coupons.get(request.id, owner=owner))
        return coupon_view(found, self.clock.now())
