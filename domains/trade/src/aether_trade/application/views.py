"""Maps domain objects to the contract's messages, and the contract's statuses to the domain's."""

from typing import assert_never

from aether.trade.v1 import types
from aether_trade.domain.course import Course
from aether_trade.domain.line import Line
from aether_trade.domain.order import Order
from aether_trade.domain.values import CloseReason, Status


def status_of(status: types.OrderStatus) -> Status:
    match status:
        case types.OrderStatus.PENDING_PAYMENT:
            return Status.PENDING_PAYMENT
        case types.OrderStatus.CLOSED:
            return Status.CLOSED
        case types.OrderStatus.PAID:
            return Status.PAID
        case types.OrderStatus.FINISHED:
            return Status.FINISHED
        case types.OrderStatus.PARTLY_REFUNDED:
            return Status.PARTLY_REFUNDED
        case types.OrderStatus.REFUNDED:
            return Status.REFUNDED
        case _:
            assert_never(status)


def status_view(status: Status) -> types.OrderStatus:
    match status:
        case Status.PENDING_PAYMENT:
            return types.OrderStatus.PENDING_PAYMENT
        case Status.CLOSED:
            return types.OrderStatus.CLOSED
        case Status.PAID:
            return types.OrderStatus.PAID
        case Status.FINISHED:
            return types.OrderStatus.FINISHED
        case Status.PARTLY_REFUNDED:
            return types.OrderStatus.PARTLY_REFUNDED
        case Status.REFUNDED:
            return types.OrderStatus.REFUNDED
        case _:
            assert_never(status)


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
        status=status_view(order.status),
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
        close_reason=None if reason is None else _close_reason_view(reason),
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


def _close_reason_view(reason: CloseReason) -> types.CloseReason:
    match reason:
        case CloseReason.CANCELLED:
            return types.CloseReason.CANCELLED
        case CloseReason.OVERDUE:
            return types.CloseReason.OVERDUE
        case _:
            assert_never(reason)
