from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.ports import Transactions
from aether_trade.application.views import status_view


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrderState(port.GetOrderState):
    """Tells the state of an order to services that hold something for it."""

    transactions: Transactions

    def __call__(self, request: types.GetOrderStateRequest, /) -> types.OrderState:
        order = self.transactions.read(lambda unit: unit.orders.get(request.order_id, buyer=None))
        return types.OrderState(order_id=order.id, status=status_view(order.status))
