from dataclasses import dataclass
from typing import Final

from aether.promotion.v1 import types
from aether_promotion.application.ports import Clock, Fate, Orders, Transactions, UnitOfWork
from aether_promotion.application.settle_order import Confirm, RedeemCoupons, Release, ReleaseCoupons
from aether_promotion.domain.errors import Conflict

_BATCH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileOrders:
    """Settles what orders left behind: seats and coupons past their time go the way of their order.

    An order that may still be paid keeps them; so does one about which nobody can say anything now.
    Unused coupons whose validity has ended are marked.
    """

    transactions: Transactions
    orders: Orders
    confirm: Confirm
    release: Release
    redeem: RedeemCoupons
    release_coupons: ReleaseCoupons
    clock: Clock

    def __call__(self) -> bool:
        """Whether any order was settled: then more may be waiting."""
        now = self.clock.now()
        self.transactions.run(lambda unit: unit.coupons.expire(now, limit=_BATCH))

        def overdue(unit: UnitOfWork) -> list[int]:
            seats = [one.order_id for one in unit.reservations.overdue(now, limit=_BATCH)]
            coupons = [one.order_id for one in unit.coupons.overdue(now, limit=_BATCH)]
            return list(dict.fromkeys(order for order in (*seats, *coupons) if order is not None))

        orders = self.transactions.read(overdue)
        settled = [order_id for order_id in orders if self._settle(order_id)]
        return bool(settled)

    def _settle(self, order_id: int) -> bool:
        fate = self.orders.fate(order_id)
        try:
            return self._follow(order_id, fate)
        except Conflict:
            # Somebody else is settling it now; or it was paid though its seats were gone, of which the event of its
            # payment tells in the dead letters. The others must not wait for it.
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
