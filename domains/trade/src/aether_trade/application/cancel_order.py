from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import buyer_seen_by
from aether_trade.application.ports import Clock, Transactions, UnitOfWork
from aether_trade.application.views import order_view
from aether_trade.domain.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(port.CancelOrder):
    """Cancels an unpaid order. Promotion releases its stock and coupons when it receives the event."""

    transactions: Transactions
    clock: Clock

    def __call__(self, request: types.CancelOrderRequest, /) -> types.Order:
        now = self.clock.now()
        buyer = buyer_seen_by(request.caller)

        def cancel(unit: UnitOfWork) -> Order:
            order = unit.orders.get(request.id, buyer=buyer)
            return unit.orders.save(order.cancel(version=request.version, now=now))

        return order_view(self.transactions.run(cancel))
