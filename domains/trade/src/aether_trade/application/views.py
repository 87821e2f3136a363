"""Maps domain objects to the contract's messages."""

from aether.trade.v1 import types
from aether_trade.domain.course import Course
from aether_trade.domain.line import Line
from aether_trade.domain.order import Order


def course_view(course: Course) -> types.Course:
    return types.Course(
        id=course.id,
        title=course.title.text,
        price_cents=course.price_cents,
        on_sale=course.on_sale,
        version=course.version,
        created_at=course.created_at,
    )


def order_view(order: Order) -> types.Order:
    """Return the order as its buyer sees it."""
    reason = order.close_reason
    return types.Order(
        id=order.id,
        buyer=order.buyer,
        status=types.OrderStatus[order.status.name],
        lines=tuple(map(_line_view, order.lines)),
        total_cents=order.total_cents,
        discount_cents=order.discount_cents,
        payable_cents=order.payable_cents,
        refunded_cents=order.refunded_cents,
        coupon_ids=order.coupon_ids,
        version=order.version,
        placed_at=order.placed_at,
        deadline=order.deadline,
        paid_at=order.paid_at,
        closed_at=order.closed_at,
        close_reason=None if reason is None else types.CloseReason[reason.name],
        finished_at=order.finished_at,
    )


def _line_view(line: Line) -> types.OrderLine:
    return types.OrderLine(
        number=line.number,
        course_id=line.course_id,
        title=line.title.text,
        quantity=line.quantity,
        price_cents=line.price_cents,
        discount_cents=line.discount_cents,
        payable_cents=line.payable_cents,
        refunded_quantity=line.refunded_quantity,
        refunded_cents=line.refunded_cents,
        activity_id=line.activity_id,
    )
