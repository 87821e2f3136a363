"""What orders are worth, in SQL."""

from contextlib import suppress

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from aether_user.adapters.tables import ORDER_POINTS
from aether_user.domain.points import OrderPoints


class SqlLedger:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self, order_id: int, /, *, user_id: int) -> OrderPoints:
        held = self._held(order_id)
        if held is None:
            # A row that is not there cannot be locked: of two who count a new order at once, both would begin at nothing.
            with suppress(IntegrityError):  # somebody else was quicker, and has committed
                self._connection.execute(
                    insert(ORDER_POINTS), _to_row(OrderPoints(order_id=order_id, user_id=user_id))
                )
            held = self._held(order_id)
        if held is None:
            raise RuntimeError(f"The points of order {order_id} can be neither inserted nor found.")
        return held

    def put(self, entry: OrderPoints, /) -> None:
        same = update(ORDER_POINTS).where(ORDER_POINTS.c.order_id == entry.order_id)
        self._connection.execute(same.values(_to_row(entry)))

    def balance(self, user_id: int, /) -> int:
        total = select(func.sum(ORDER_POINTS.c.points)).where(ORDER_POINTS.c.user_id == user_id)
        return int(self._connection.execute(total).scalar_one() or 0)

    def _held(self, order_id: int) -> OrderPoints | None:
        wanted = select(ORDER_POINTS).where(ORDER_POINTS.c.order_id == order_id)
        row = self._connection.execute(wanted.with_for_update()).one_or_none()
        if row is None:
            return None
        return OrderPoints(
            order_id=row.order_id,
            user_id=row.user_id,
            paid_cents=row.paid_cents,
            refunded_cents=row.refunded_cents,
        )


def _to_row(entry: OrderPoints) -> dict[str, int]:
    return {
        "order_id": entry.order_id,
        "user_id": entry.user_id,
        "paid_cents": entry.paid_cents,
        "refunded_cents": entry.refunded_cents,
        # Kept beside what it follows from, so that a balance is a sum and the rule stays in the domain.
        "points": entry.points,
    }
