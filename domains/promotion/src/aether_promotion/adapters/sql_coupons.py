"""Coupons in SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from aether_adapters.sql import Outbox, insert_into, select_by, update_versioned
from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError

from aether_promotion.adapters.events import outgoing
from aether_promotion.adapters.sql_rows import COUPONS_MAPPING
from aether_promotion.adapters.tables import COUPONS, OUTBOX
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.errors import CouponHasChanged, CouponNotFound
from aether_promotion.domain.values import CouponStatus

_KNOWN: Final = select(COUPONS.c.id).where(COUPONS.c.id.in_(bindparam("ids", expanding=True)))
_OF_ORDER: Final = (
    select(COUPONS)
    .where(COUPONS.c.order_id == bindparam("its_order_id"))
    .order_by(COUPONS.c.id)
    .with_for_update()
)


class SqlCoupons:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, OUTBOX)

    def add(self, coupon: Coupon, /) -> Coupon:
        self.add_all([coupon])
        return coupon.stored()

    def add_all(self, coupons: Sequence[Coupon], /) -> None:
        rows = COUPONS_MAPPING.to_rows([coupon.stored() for coupon in coupons])
        try:
            # A single row is passed by itself, because drivers are slower with a list of one.
            self._connection.execute(insert_into(COUPONS), rows if len(rows) > 1 else rows[0])
        except IntegrityError:
            raise CouponHasChanged(coupons[0].id, coupons[0].version) from None
        self._publish(*coupons)

    def known(self, coupon_ids: Collection[int], /) -> frozenset[int]:
        return frozenset(self._connection.scalars(_KNOWN, {"ids": list(coupon_ids)}))

    def get(self, coupon_id: int, /, *, owner: str) -> Coupon:
        return self._one(coupon_id, owner, hold=False)

    def hold(self, coupon_id: int, /, *, owner: str) -> Coupon:
        return self._one(coupon_id, owner, hold=True)

    def save(self, coupon: Coupon, /) -> Coupon:
        stored = coupon.stored()
        update_versioned(
            self._connection,
            COUPONS,
            COUPONS_MAPPING.to_row(stored),
            loaded=coupon.version,
            conflict=lambda: CouponHasChanged(coupon.id, coupon.version),
        )
        self._publish(coupon)
        return stored

    def page(
        self, *, owner: str, status: CouponStatus | None, now: datetime, before: int | None, limit: int
    ) -> tuple[Coupon, ...]:
        wanted = select(COUPONS).where(COUPONS.c.owner == owner)
        if status is not None:
            wanted = wanted.where(_at(status, now))
        if before is not None:
            wanted = wanted.where(COUPONS.c.id < before)
        rows = self._connection.execute(wanted.order_by(COUPONS.c.id.desc()).limit(limit))
        return tuple(map(COUPONS_MAPPING.from_row, rows))

    def claimed(self, template_id: int, /, *, owner: str) -> tuple[Coupon, ...]:
        wanted = select(COUPONS).where(COUPONS.c.template_id == template_id, COUPONS.c.owner == owner)
        return tuple(map(COUPONS_MAPPING.from_row, self._connection.execute(wanted.order_by(COUPONS.c.id))))

    def claims(self, template_id: int, /, *, after: int, limit: int) -> tuple[Coupon, ...]:
        wanted = select(COUPONS).where(COUPONS.c.template_id == template_id, COUPONS.c.id > after)
        rows = self._connection.execute(wanted.order_by(COUPONS.c.id).limit(limit))
        return tuple(map(COUPONS_MAPPING.from_row, rows))

    def of_order(self, order_id: int, /) -> tuple[Coupon, ...]:
        rows = self._connection.execute(_OF_ORDER, {"its_order_id": order_id})
        return tuple(map(COUPONS_MAPPING.from_row, rows))

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[Coupon, ...]:
        wanted = select(COUPONS).where(
            COUPONS.c.status == CouponStatus.LOCKED.value, COUPONS.c.locked_until <= now
        )
        rows = self._connection.execute(wanted.order_by(COUPONS.c.locked_until).limit(limit))
        return tuple(map(COUPONS_MAPPING.from_row, rows))

    def expire(self, now: datetime, /, *, limit: int) -> int:
        over = and_(COUPONS.c.status == CouponStatus.UNUSED.value, COUPONS.c.valid_until <= now)
        wanted = select(COUPONS.c.id).where(over).order_by(COUPONS.c.valid_until).limit(limit)
        ids = list(self._connection.scalars(wanted))
        if not ids:
            return 0
        # Check `over` again, because a coupon may have been locked since. MySQL cannot update a table that a subquery reads.
        marked = update(COUPONS).where(COUPONS.c.id.in_(ids), over)
        values = {"status": CouponStatus.EXPIRED.value, "version": COUPONS.c.version + 1}
        return self._connection.execute(marked.values(values)).rowcount

    def _one(self, coupon_id: int, owner: str, *, hold: bool) -> Coupon:
        wanted, its = select_by(COUPONS, "id", "owner", lock=hold), {"id": coupon_id, "owner": owner}
        row = self._connection.execute(wanted, its).one_or_none()
        if row is None:
            raise CouponNotFound(coupon_id)
        return COUPONS_MAPPING.from_row(row)

    def _publish(self, *coupons: Coupon) -> None:
        # After the row is written, because its lock keeps the events of one coupon in order.
        self._outbox.add(*(outgoing(event) for coupon in coupons for event in coupon.events))


def _at(status: CouponStatus, now: datetime) -> ColumnElement[bool]:
    """Return the condition for this status at `now`; see `Coupon.status_at`."""
    stored = COUPONS.c.status == status.value
    match status:
        case CouponStatus.UNUSED:
            return and_(stored, COUPONS.c.valid_until > now)
        case CouponStatus.EXPIRED:
            over = and_(COUPONS.c.status == CouponStatus.UNUSED.value, COUPONS.c.valid_until <= now)
            return or_(stored, over)
        case _:
            return stored
