"""Between the tables' rows and what the domain knows; a column that is missed here fails the ports' suite."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from aether_trade.domain.course import Course
from aether_trade.domain.line import Line
from aether_trade.domain.order import Order
from aether_trade.domain.refund import Refund
from aether_trade.domain.values import CloseReason, Status, Title


def course_to_row(course: Course) -> dict[str, object]:
    return {
        "id": course.id,
        "title": course.title.text,
        "price_cents": course.price_cents,
        "on_sale": course.on_sale,
        "created_at": course.created_at,
        "version": course.version,
    }


def course_from_row(row: Row[Any]) -> Course:
    return Course(
        id=row.id,
        title=Title(row.title),
        price_cents=row.price_cents,
        on_sale=row.on_sale,
        created_at=row.created_at,
        version=row.version,
    )


def order_to_row(order: Order) -> dict[str, object]:
    return {
        "id": order.id,
        "buyer": order.buyer,
        "status": order.status.value,
        # For people and books; an order sums its lines up itself.
        "payable_cents": order.payable_cents,
        "refunded_cents": order.refunded_cents,
        "coupon_ids": json.dumps(order.coupon_ids),
        "placed_at": order.placed_at,
        "deadline": order.deadline,
        "payment_id": order.payment_id,
        "paid_at": order.paid_at,
        "closed_at": order.closed_at,
        "close_reason": None if order.close_reason is None else order.close_reason.value,
        "finished_at": order.finished_at,
        "version": order.version,
    }


def order_from_rows(row: Row[Any], lines: Iterable[Row[Any]]) -> Order:
    return Order(
        id=row.id,
        buyer=row.buyer,
        lines=tuple(map(line_from_row, lines)),
        coupon_ids=tuple(json.loads(row.coupon_ids)),
        placed_at=row.placed_at,
        deadline=row.deadline,
        status=Status(row.status),
        payment_id=row.payment_id,
        paid_at=row.paid_at,
        closed_at=row.closed_at,
        close_reason=None if row.close_reason is None else CloseReason(row.close_reason),
        finished_at=row.finished_at,
        version=row.version,
    )


def line_to_row(order_id: int, line: Line) -> dict[str, object]:
    return {
        "order_id": order_id,
        "number": line.number,
        "course_id": line.course_id,
        "title": line.title.text,
        "quantity": line.quantity,
        "price_cents": line.price_cents,
        "discount_cents": line.discount_cents,
        "activity_id": line.activity_id,
        "refunded_quantity": line.refunded_quantity,
    }


def line_from_row(row: Row[Any]) -> Line:
    return Line(
        number=row.number,
        course_id=row.course_id,
        title=Title(row.title),
        quantity=row.quantity,
        price_cents=row.price_cents,
        discount_cents=row.discount_cents,
        activity_id=row.activity_id,
        refunded_quantity=row.refunded_quantity,
    )


def refund_to_row(refund: Refund) -> dict[str, object]:
    return {
        "id": refund.id,
        "order_id": refund.order_id,
        "payment_id": refund.payment_id,
        "cents": refund.cents,
        "owed_since": refund.owed_since,
        "attempts": refund.attempts,
        "sent_at": refund.sent_at,
    }


def refund_from_row(row: Row[Any]) -> Refund:
    return Refund(
        id=row.id,
        order_id=row.order_id,
        payment_id=row.payment_id,
        cents=row.cents,
        owed_since=row.owed_since,
        attempts=row.attempts,
        sent_at=row.sent_at,
    )
