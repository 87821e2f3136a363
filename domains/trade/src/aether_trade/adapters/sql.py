"""Repositories in SQL, the same for MySQL, MariaDB and SQLite; `tables.py` holds the tables."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Final

from aether_adapters.sql import Inbox, Outbox, insert_into, select_by, update_versioned
from aether_adapters.sql.idempotency import IdempotencyKeys
from sqlalchemy import BigInteger, Connection, Select, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from aether_trade.adapters.events import outgoing
from aether_trade.adapters.rows import COURSES_MAPPING, LINES_MAPPING, ORDERS_MAPPING, REFUNDS_MAPPING
from aether_trade.adapters.tables import COURSES, INBOX, KEYS, LINES, ORDERS, OUTBOX, REFUNDS
from aether_trade.application.ports import UnitOfWork
from aether_trade.domain.course import Course
from aether_trade.domain.errors import CourseHasChanged, CourseNotFound, OrderHasChanged, OrderNotFound
from aether_trade.domain.line import Line
from aether_trade.domain.order import Order
from aether_trade.domain.refund import Refund
from aether_trade.domain.values import Status

_NO_END: Final = 2**63 - 1
"""More than any id."""
_NOTHING: Final[Mapping[str, object]] = {}
_LINES: Final = (
    select(LINES)
    .where(LINES.c.order_id.in_(bindparam("order_ids", expanding=True)))
    .order_by(LINES.c.order_id, LINES.c.number)
)


def unit_of_work(connection: Connection) -> UnitOfWork:
    """Return the repositories of one transaction, on its connection."""
    return UnitOfWork(
        courses=SqlCourses(connection),
        orders=SqlOrders(connection),
        refunds=SqlRefunds(connection),
        keys=IdempotencyKeys(connection, KEYS),
        inbox=Inbox(connection, INBOX),
    )


class SqlCourses:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, course: Course, /) -> Course:
        stored = course.stored()
        try:
            self._connection.execute(insert_into(COURSES), COURSES_MAPPING.to_row(stored))
        except IntegrityError:
            raise CourseHasChanged(course.id, course.version) from None
        return stored

    def get(self, course_id: int, /) -> Course:
        row = self._connection.execute(select_by(COURSES, "id"), {"id": course_id}).one_or_none()
        if row is None:
            raise CourseNotFound(course_id)
        return COURSES_MAPPING.from_row(row)

    def save(self, course: Course, /) -> Course:
        stored = course.stored()
        update_versioned(
            self._connection,
            COURSES,
            COURSES_MAPPING.to_row(stored),
            loaded=course.version,
            conflict=lambda: CourseHasChanged(course.id, course.version),
        )
        return stored

    def page(self, *, on_sale_only: bool, before: int | None, limit: int) -> tuple[Course, ...]:
        its = {"before": _NO_END if before is None else before, "limit": limit}
        found = self._connection.execute(_page_of_courses(on_sale_only), its)
        return tuple(map(COURSES_MAPPING.from_row, found))


class SqlOrders:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, OUTBOX)

    def add(self, order: Order, /) -> Order:
        stored = order.stored()
        try:
            self._connection.execute(insert_into(ORDERS), ORDERS_MAPPING.to_row(stored))
        except IntegrityError:
            raise OrderHasChanged(order.id, order.version) from None
        rows = LINES_MAPPING.to_rows(order.lines, order_id=order.id)
        # A single row is passed by itself, because drivers are slower with a list of one.
        self._connection.execute(insert_into(LINES), rows if len(rows) > 1 else rows[0])
        self._publish(order)
        return stored

    def get(self, order_id: int, /, *, buyer: str | None) -> Order:
        its: dict[str, object] = {"id": order_id}
        if buyer is not None:
            its["buyer"] = buyer
        found = self._orders(select_by(ORDERS, *its), its)
        if not found:
            raise OrderNotFound(order_id)
        return found[0]

    def save(self, order: Order, /) -> Order:
        stored = order.stored()
        update_versioned(
            self._connection,
            ORDERS,
            ORDERS_MAPPING.to_row(stored),
            loaded=order.version,
            conflict=lambda: OrderHasChanged(order.id, order.version),
        )
        # Of a line, only the refunded quantity ever changes.
        refunded = [
            {"of_order": order.id, "of_number": line.number, "refunded_quantity": line.refunded_quantity}
            for line in order.lines
            if line.refunded_quantity
        ]
        if refunded:
            self._connection.execute(
                update(LINES).where(
                    LINES.c.order_id == bindparam("of_order"), LINES.c.number == bindparam("of_number")
                ),
                refunded,
            )
        self._publish(order)
        return stored

    def page(
        self,
        *,
        buyer: str | None,
        status: Status | None,
        before: int | None,
        limit: int,
    ) -> tuple[Order, ...]:
        wanted = select(ORDERS).order_by(ORDERS.c.id.desc()).limit(limit)
        if buyer is not None:
            wanted = wanted.where(ORDERS.c.buyer == buyer)
        if status is not None:
            wanted = wanted.where(ORDERS.c.status == status.value)
        if before is not None:
            wanted = wanted.where(ORDERS.c.id < before)
        return self._orders(wanted)

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[int, ...]:
        wanted = (
            select(ORDERS.c.id)
            .where(ORDERS.c.status == Status.PENDING_PAYMENT.value, ORDERS.c.deadline <= now)
            .order_by(ORDERS.c.deadline, ORDERS.c.id)
            .limit(limit)
        )
        return tuple(self._connection.scalars(wanted))

    def _orders(
        self, wanted: Select[tuple[object, ...]], its: Mapping[str, object] = _NOTHING
    ) -> tuple[Order, ...]:
        found = self._connection.execute(wanted, its).all()
        lines: dict[int, list[Line]] = {row.id: [] for row in found}
        for row in self._connection.execute(_LINES, {"order_ids": list(lines)}) if lines else ():
            lines[row.order_id].append(LINES_MAPPING.from_row(row))
        return tuple(ORDERS_MAPPING.from_row(row, lines=tuple(lines[row.id])) for row in found)

    def _publish(self, order: Order) -> None:
        # After the row is written, because its lock keeps the events of one order in order.
        self._outbox.add(*(outgoing(event) for event in order.events))


class SqlRefunds:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, refund: Refund, /) -> None:
        self._connection.execute(insert_into(REFUNDS), REFUNDS_MAPPING.to_row(refund))

    def save(self, refund: Refund, /) -> None:
        self._connection.execute(
            update(REFUNDS).where(REFUNDS.c.id == refund.id).values(REFUNDS_MAPPING.to_row(refund))
        )

    def known(self, payment_id: str, /) -> bool:
        wanted = select(REFUNDS.c.id).where(REFUNDS.c.payment_id == payment_id).limit(1)
        return self._connection.execute(wanted).first() is not None

    def owed(self, *, limit: int) -> tuple[Refund, ...]:
        wanted = select(REFUNDS).where(REFUNDS.c.sent_at.is_(None))
        rows = self._connection.execute(wanted.order_by(REFUNDS.c.attempts, REFUNDS.c.id).limit(limit))
        return tuple(map(REFUNDS_MAPPING.from_row, rows))


@cache
def _page_of_courses(on_sale_only: bool) -> Select[tuple[object, ...]]:
    wanted = select(COURSES).where(COURSES.c.id < bindparam("before"))
    if on_sale_only:
        wanted = wanted.where(COURSES.c.on_sale)
    return wanted.order_by(COURSES.c.id.desc()).limit(bindparam("limit", type_=BigInteger))
