"""The points of each order, in SQL."""

from contextlib import suppress

from aether_adapters.sql import RowMapping
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from aether_user.adapters.tables import ORDER_POINTS
from aether_user.domain.points import OrderPoints

# Points are stored although they can be computed, so that a balance is a sum and the rule stays in the domain.
ORDER_POINTS_MAPPING = RowMapping(OrderPoints, ORDER_POINTS, computed={"points": lambda entry: entry.points})


class SqlLedger:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self, order_id: int, /, *, user_id: int) -> OrderPoints:
        held = self._held(order_id)
        if held is None:
            # A missing row cannot be locked: two transactions that count a new order would both start from zero.
            with suppress(IntegrityError):  # another transaction inserted it first, and has committed
                new = OrderPoints(order_id=order_id, user_id=user_id)
                self._connection.execute(insert(ORDER_POINTS), ORDER_POINTS_MAPPING.to_row(new))
            held = self._held(order_id)
        if held is None:
            raise RuntimeError(f"The points of order {order_id} can be neither inserted nor found.")
        return held

    def put(self, entry: OrderPoints, /) -> None:
        same = update(ORDER_POINTS).where(ORDER_POINTS.c.order_id == entry.order_id)
        self._connection.execute(same.values(ORDER_POINTS_MAPPING.to_row(entry)))

    def balance(self, user_id: int, /) -> int:
        total = select(func.sum(ORDER_POINTS.c.points)).where(ORDER_POINTS.c.user_id == user_id)
        return int(self._connection.execute(total).scalar_one() or 0)

    def _held(self, order_id: int) -> OrderPoints | None:
        wanted = select(ORDER_POINTS).where(ORDER_POINTS.c.order_id == order_id)
        row = self._connection.execute(wanted.with_for_update()).one_or_none()
        return None if row is None else ORDER_POINTS_MAPPING.from_row(row)
