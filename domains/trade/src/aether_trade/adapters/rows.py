"""Row mappings of the catalogue, of orders with their lines, and of refunds."""

import json

from aether_adapters.sql import RowMapping, by_value, converted, optional, wrapped

from aether_trade.adapters.tables import COURSES, LINES, ORDERS, REFUNDS
from aether_trade.domain.course import Course
from aether_trade.domain.line import Line
from aether_trade.domain.order import Order
from aether_trade.domain.refund import Refund
from aether_trade.domain.values import CloseReason, Status, Title

COURSES_MAPPING = RowMapping(Course, COURSES, {"title": wrapped(Title, "text")})

ORDERS_MAPPING = RowMapping(
    Order,
    ORDERS,
    {
        "status": by_value(Status),
        "coupon_ids": converted(json.dumps, lambda text: tuple(json.loads(text))),
        "close_reason": optional(by_value(CloseReason)),
    },
    without=("events",),
    given=("lines",),
    # For reports only: an order computes both from its lines.
    computed={
        "payable_cents": lambda order: order.payable_cents,
        "refunded_cents": lambda order: order.refunded_cents,
    },
)

LINES_MAPPING = RowMapping(Line, LINES, {"title": wrapped(Title, "text")}, own=("order_id",))

REFUNDS_MAPPING = RowMapping(Refund, REFUNDS)
