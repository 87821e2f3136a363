"""The state of orders, through the generated client of trade."""

from typing import Final

import structlog
from aether_adapters.kernel.errors import Kind, TechnicalError
from aether_adapters.kernel.problems import RemoteError

from aether.trade.v1 import port, types
from aether_promotion.application.ports import Fate

_LOG = structlog.get_logger("aether.promotion.trade")
_FATES: Final = {
    types.OrderStatus.PENDING_PAYMENT: Fate.PENDING,
    types.OrderStatus.CLOSED: Fate.GONE,
}
"""Every other status means paid: a refund does not return seats, because the sale is over."""


class TradeOrders:
    """Asks for one order at a time. Without an answer the order counts as pending."""

    def __init__(self, get_order_state: port.GetOrderState) -> None:
        self._get_order_state = get_order_state

    def fate(self, order_id: int, /) -> Fate:
        try:
            state = self._get_order_state(types.GetOrderStateRequest(order_id=order_id))
        except RemoteError as error:
            if error.kind is Kind.NOT_FOUND:
                return Fate.GONE
            _LOG.warning("trade refused to give an order's state", order_id=order_id, problem=error.type)
            return Fate.PENDING
        except TechnicalError as error:
            _LOG.warning("trade is unavailable", order_id=order_id, problem=error.detail)
            return Fate.PENDING
        return _FATES.get(state.status, Fate.PAID)
