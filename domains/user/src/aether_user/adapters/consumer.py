"""Events from topics, handed to those who wait for them."""

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
    """A changed user's card is forgotten once more, in case the process that changed it died before it could."""

    def forget(event: IncomingEvent) -> None:
        cards.forget(incoming(event).user_id)

    return dict.fromkeys(CHANGES, forget)


def trade_handlers(count: CountPoints) -> Handlers:
    """What trade tells of money, as points."""

    def note(event: IncomingEvent) -> None:
        match about_an_order(event):
            case OrderPaid() as paid:
                count.paid(paid.order_id, paid.buyer, paid.cents)
            case OrderRefunded() as refund:
                count.refunded(refund.order_id, refund.refund_id, refund.buyer, refund.cents)

    return dict.fromkeys((ORDER_PAID, ORDER_REFUNDED), note)
