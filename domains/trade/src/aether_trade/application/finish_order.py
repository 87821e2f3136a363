from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import buyer_seen_by
from aether_trade.application.ports import Clock, Transactions, UnitOfWork
from aether_trade.application.views import order_view
from aether_trade.domain.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishOrder(port.FinishOrder):
    """Finishes a paid order, for its buyer or an operator."""

    transactions: Transactions
    clock: Clock

    def __call__(self, request: types.FinishOrderRequest, /) -> types.Order:
        now = self.clock.now()
        buyer = buyer_seen_by(request.caller)

        def finish(unit: UnitOfWork) -> Order:
            order = unit.orders.get(request.id, buyer=buyer)
            return unit.orders.save(order.finish(version=request.version, now=now))

        return order_view(self.transactions.run(finish))
