"""Flash sales and reservations in SQL, which counts the seats."""

from datetime import datetime
from typing import Final

from aether_adapters.sql import Outbox, insert_into, select_by, update_versioned
from sqlalchemy import BigInteger, Connection, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from aether_promotion.adapters.events import outgoing
from aether_promotion.adapters.sql_rows import ACTIVITIES_MAPPING, RESERVATIONS_MAPPING
from aether_promotion.adapters.tables import ACTIVITIES, OUTBOX, RESERVATIONS
from aether_promotion.application.ports import AlreadyReserved
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.errors import ActivityHasChanged, ActivityNotFound, StockGone
from aether_promotion.domain.values import ReservationStatus

_SEATS: Final = bindparam("seats", type_=BigInteger)
_ITS_ACTIVITY: Final = update(ACTIVITIES).where(ACTIVITIES.c.id == bindparam("its_id"))
_HOLD: Final = _ITS_ACTIVITY.values(held=ACTIVITIES.c.held + _SEATS)
_TAKE: Final = _HOLD.where(
    ACTIVITIES.c.starts_at <= bindparam("now"),
    ACTIVITIES.c.ends_at > bindparam("now"),
    ACTIVITIES.c.held + ACTIVITIES.c.sold + _SEATS <= ACTIVITIES.c.quantity,
)
_COUNT: Final = _ITS_ACTIVITY.values(
    held=ACTIVITIES.c.held - _SEATS,
    sold=ACTIVITIES.c.sold + bindparam("more_sold", type_=BigInteger),
)
_SETTLE: Final = (
    update(RESERVATIONS)
    .where(
        RESERVATIONS.c.order_id == bindparam("its_order_id"),
        RESERVATIONS.c.activity_id == bindparam("its_activity_id"),
        RESERVATIONS.c.status == ReservationStatus.HELD.value,
    )
    .values(status=bindparam("settled"))
)
_OF_ORDER: Final = (
    select(RESERVATIONS)
    .where(RESERVATIONS.c.order_id == bindparam("its_order_id"))
    .order_by(RESERVATIONS.c.activity_id)
    .with_for_update()
)


class SqlActivities:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, activity: Activity, /) -> Activity:
        stored = activity.stored()
        try:
            self._connection.execute(insert_into(ACTIVITIES), ACTIVITIES_MAPPING.to_row(stored))
        except IntegrityError:
            raise ActivityHasChanged(activity.id, activity.version) from None
        return stored

    def get(self, activity_id: int, /) -> Activity:
        return self._one(activity_id, lock=False)

    def lock(self, activity_id: int, /) -> Activity:
        """Return the activity, as `get` does, and lock it until this unit of work ends."""
        return self._one(activity_id, lock=True)

    def save(self, activity: Activity, /) -> Activity:
        stored = activity.stored()
        row = ACTIVITIES_MAPPING.to_row(stored)
        # Only reservations change these counts, perhaps at this moment.
        del row["held"], row["sold"]
        update_versioned(
            self._connection,
            ACTIVITIES,
            row,
            loaded=activity.version,
            conflict=lambda: ActivityHasChanged(activity.id, activity.version),
        )
        return stored

    def page(self, *, before: int | None, limit: int) -> tuple[Activity, ...]:
        wanted = select(ACTIVITIES)
        if before is not None:
            wanted = wanted.where(ACTIVITIES.c.id < before)
        rows = self._connection.execute(wanted.order_by(ACTIVITIES.c.id.desc()).limit(limit))
        return tuple(map(ACTIVITIES_MAPPING.from_row, rows))

    def to_keep(self, ended_after: datetime, /) -> tuple[Activity, ...]:
        wanted = select(ACTIVITIES).where(ACTIVITIES.c.ends_at > ended_after).order_by(ACTIVITIES.c.id)
        return tuple(map(ACTIVITIES_MAPPING.from_row, self._connection.execute(wanted)))

    def _one(self, activity_id: int, *, lock: bool) -> Activity:
        wanted = select_by(ACTIVITIES, "id", lock=lock)
        row = self._connection.execute(wanted, {"id": activity_id}).one_or_none()
        if row is None:
            raise ActivityNotFound(activity_id)
        return ACTIVITIES_MAPPING.from_row(row)


class SqlReservations:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, OUTBOX)

    def take(self, reservation: Reservation, now: datetime, /) -> Reservation:
        # Seats are reserved only here, by one statement that checks and counts.
        its = {"its_id": reservation.activity_id, "seats": reservation.quantity}
        if self._connection.execute(_TAKE, {**its, "now": now}).rowcount == 0:
            # Decide again under a lock: seats may have been released since, and then nothing explains a refusal.
            activity = SqlActivities(self._connection).lock(reservation.activity_id)
            activity.running(now)
            if activity.left < reservation.quantity:
                raise StockGone(reservation.activity_id, reservation.quantity)
            self._connection.execute(_HOLD, its)
        try:
            self._connection.execute(insert_into(RESERVATIONS), RESERVATIONS_MAPPING.to_row(reservation))
        except IntegrityError:
            raise AlreadyReserved from None
        return reservation.stored()

    def get(self, order_id: int, activity_id: int, /) -> Reservation | None:
        its = {"order_id": order_id, "activity_id": activity_id}
        row = self._connection.execute(select_by(RESERVATIONS, *its), its).one_or_none()
        return None if row is None else RESERVATIONS_MAPPING.from_row(row)

    def of_order(self, order_id: int, /) -> tuple[Reservation, ...]:
        rows = self._connection.execute(_OF_ORDER, {"its_order_id": order_id})
        return tuple(map(RESERVATIONS_MAPPING.from_row, rows))

    def settle(self, reservation: Reservation, /) -> bool:
        its = {"its_order_id": reservation.order_id, "its_activity_id": reservation.activity_id}
        settled = self._connection.execute(_SETTLE, {**its, "settled": reservation.status.value})
        if settled.rowcount == 0:
            return False
        sold = reservation.quantity if reservation.status is ReservationStatus.CONFIRMED else 0
        counted = {"its_id": reservation.activity_id, "seats": reservation.quantity, "more_sold": sold}
        self._connection.execute(_COUNT, counted)
        self._outbox.add(*(outgoing(event) for event in reservation.events))
        return True

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[Reservation, ...]:
        wanted = select(RESERVATIONS).where(
            RESERVATIONS.c.status == ReservationStatus.HELD.value, RESERVATIONS.c.expires_at <= now
        )
        rows = self._connection.execute(wanted.order_by(RESERVATIONS.c.expires_at).limit(limit))
        return tuple(map(RESERVATIONS_MAPPING.from_row, rows))

    def held(self, activity_id: int, /) -> tuple[Reservation, ...]:
        wanted = select(RESERVATIONS).where(
            RESERVATIONS.c.activity_id == activity_id,
            RESERVATIONS.c.status == ReservationStatus.HELD.value,
        )
        rows = self._connection.execute(wanted.order_by(RESERVATIONS.c.order_id))
        return tuple(map(RESERVATIONS_MAPPING.from_row, rows))
