from dataclasses import dataclass
from typing import Final

from aether.promotion.v1 import types
from aether_promotion.application.ports import Clock, Fate, Orders, Transactions, UnitOfWork
from aether_promotion.application.settle_order import Confirm, RedeemCoupons, Release, ReleaseCoupons
from aether_promotion.domain.errors import Conflict

_ORDERS_PER_BATCH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileOrders:
    """Settles expired reservations and coupon locks by the state of their order.

    An order that may still be paid keeps them; so does one whose state is unknown now.
    Also marks unused coupons whose validity has ended as expired.
    """

    transactions: Transactions
    orders: Orders
    confirm: Confirm
    release: Release
    redeem: RedeemCoupons
    release_coupons: ReleaseCoupons
    clock: Clock

    def __call__(self) -> bool:
        """Settle one batch. Return whether any order was settled: then more may be waiting."""
        now = self.clock.now()
        self.transactions.run(lambda unit: unit.coupons.expire(now, limit=_ORDERS_PER_BATCH))

        def overdue(unit: UnitOfWork) -> list[int]:
            seats = [one.order_id for one in unit.reservations.overdue(now, limit=_ORDERS_PER_BATCH)]
            coupons = [one.order_id for one in unit.coupons.overdue(now, limit=_ORDERS_PER_BATCH)]
            return list(dict.fromkeys(order for order in (*seats, *coupons) if order is not None))

        orders = self.transactions.read(overdue)
        settled = [order_id for order_id in orders if self._settle(order_id)]
        return bool(settled)

    def _settle(self, order_id: int) -> bool:
        fate = self.orders.fate(order_id)
        try:
            return self._follow(order_id, fate)
        except Conflict:
            # Somebody else is settling it now; or it was paid after its seats were released, which its payment event
            # in the dead-letter topic shows. Go on with the other orders.
            return False

    def _follow(self, order_id: int, fate: Fate) -> bool:
        match fate:
            case Fate.PAID:
                self.redeem(types.RedeemCouponsRequest(order_id=order_id))
                self.confirm(types.ConfirmRequest(order_id=order_id))
            case Fate.GONE:
                self.release(types.ReleaseRequest(order_id=order_id))
                self.release_coupons(types.ReleaseCouponsRequest(order_id=order_id))
            case Fate.PENDING:
                return False
        return True
