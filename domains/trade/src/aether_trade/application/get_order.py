from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import buyer_seen_by
from aether_trade.application.ports import Transactions
from aether_trade.application.views import order_view


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrder(port.GetOrder):
    """Reads one of the caller's orders. Only operators see another buyer's."""

    transactions: Transactions

    def __call__(self, request: types.GetOrderRequest, /) -> types.Order:
        buyer = buyer_seen_by(request.caller)
        return order_view(self.transactions.read(lambda unit: unit.orders.get(request.id, buyer=buyer)))
