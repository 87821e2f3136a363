"""Maps events from the topics to use cases."""

from collections.abc import Callable

from aether_adapters.kernel.events import IncomingEvent

from aether_user.adapters.events import (
    CHANGES,
    ORDER_PAID,
    ORDER_REFUNDED,
    OrderPaid,
    OrderRefunded,
    about_an_order,
    incoming,
)
from aether_user.application.count_points import CountPoints
from aether_user.application.ports import Cards

Handlers = dict[str, Callable[[IncomingEvent], None]]


def own_handlers(cards: Cards) -> Handlers:
    """Drop a changed user's card from the cache again, in case the process that changed it died before doing so."""

    def forget(event: IncomingEvent) -> None:
        cards.forget(incoming(event).user_id)

    return dict.fromkeys(CHANGES, forget)


def trade_handlers(count: CountPoints) -> Handlers:
    """Count points for trade's payments and refunds."""

    def count_points(event: IncomingEvent) -> None:
        match about_an_order(event):
            case OrderPaid() as paid:
                count.paid(paid.order_id, paid.buyer, paid.cents)
            case OrderRefunded() as refund:
                count.refunded(refund.order_id, refund.refund_id, refund.buyer, refund.cents)

    return dict.fromkeys((ORDER_PAID, ORDER_REFUNDED), count_points)
