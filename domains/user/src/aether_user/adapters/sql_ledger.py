"""What orders are worth, in SQL."""

from sqlalchemy import Connection, func, insert, select, update

from aether_user.adapters.tables import ORDER_POINTS
from aether_user.domain.points import OrderPoints


class SqlLedger:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, order_id: int, /) -> OrderPoints | None:
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

    def put(self, entry: OrderPoints, /) -> None:
        row = {
            "order_id": entry.order_id,
            "user_id": entry.user_id,
            "paid_cents": entry.paid_cents,
            "refunded_cents": entry.refunded_cents,
            # Kept beside what it follows from, so that a balance is a sum and the rule stays in the domain.
            "points": entry.points,
        }
        same = update(ORDER_POINTS).where(ORDER_POINTS.c.order_id == entry.order_id)
        if self._connection.execute(same.values(row)).rowcount == 0:
            self._connection.execute(insert(ORDER_POINTS), row)

    def balance(self, user_id: int, /) -> int:
        total = select(func.sum(ORDER_POINTS.c.points)).where(ORDER_POINTS.c.user_id == user_id)
        return int(self._connection.execute(total).scalar_one() or 0)
