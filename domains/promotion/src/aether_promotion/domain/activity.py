"""A flash sale, and the reservations of its seats."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from aether_promotion.domain.errors import (
    ActivityHasChanged,
    ActivityNotStarted,
    ActivityOver,
    ReservationDiffers,
    ReservationGone,
    ReservationTooLate,
)
from aether_promotion.domain.events import ReservationReleased
from aether_promotion.domain.values import (
    MAX_CENTS,
    MAX_PIECES,
    ReservationStatus,
    Title,
    before,
    within,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A number of seats of one course, at a special price, for a while. Each change returns a new one.

    The repository of reservations counts `held` and `sold`; no method here changes them. `version` is 0 until the sale
    is stored, and rises with each change by an operator.
    """

    id: int
    title: Title
    course_id: int
    price_cents: int
    starts_at: datetime
    ends_at: datetime
    quantity: int
    held: int = 0
    sold: int = 0
    version: int = 0

    @classmethod
    def plan(
        cls,
        activity_id: int,
        *,
        title: Title,
        course_id: int,
        price_cents: int,
        starts_at: datetime,
        ends_at: datetime,
        quantity: int,
    ) -> Self:
        """Return a new sale. Raises `AmountNotUsable`, `WindowNotUsable`."""
        within("priceCents", price_cents, 0, MAX_CENTS)
        within("quantity", quantity, 1, MAX_PIECES)
        within("courseId", course_id, 1, 2**63 - 1)
        before("startsAt", starts_at, ends_at)
        return cls(
            id=activity_id,
            title=title,
            course_id=course_id,
            price_cents=price_cents,
            starts_at=starts_at,
            ends_at=ends_at,
            quantity=quantity,
        )

    @property
    def left(self) -> int:
        """The seats that are neither held nor sold."""
        return self.quantity - self.held - self.sold

    def running(self, now: datetime) -> None:
        """Raise `ActivityNotStarted` or `ActivityOver` if the sale is not running."""
        if now < self.starts_at:
            raise ActivityNotStarted(self.id, self.starts_at)
        if now >= self.ends_at:
            raise ActivityOver(self.id, self.ends_at)

    def close(self, *, version: int, now: datetime) -> Self:
        """Return the sale, ended now. Reservations remain. Raises `ActivityHasChanged`, `ActivityOver`."""
        if version != self.version:
            raise ActivityHasChanged(self.id, version)
        if now >= self.ends_at:
            raise ActivityOver(self.id, self.ends_at)
        return replace(self, ends_at=now, starts_at=min(self.starts_at, now))

    def stored(self) -> Self:
        """Return the sale as stored: one version later."""
        return replace(self, version=self.version + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The seats of one order in one flash sale: held until they are confirmed or released."""

    order_id: int
    activity_id: int
    buyer: str
    quantity: int
    expires_at: datetime
    status: ReservationStatus = ReservationStatus.HELD
    events: tuple[ReservationReleased, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def take(
        cls,
        *,
        order_id: int,
        activity_id: int,
        buyer: str,
        quantity: int,
        expires_at: datetime,
        now: datetime,
    ) -> Self:
        """Return a new reservation. Raises `AmountNotUsable`, `ReservationTooLate`."""
        within("quantity", quantity, 1, MAX_PIECES)
        if expires_at <= now:
            raise ReservationTooLate(order_id, expires_at)
        return cls(
            order_id=order_id,
            activity_id=activity_id,
            buyer=buyer,
            quantity=quantity,
            expires_at=expires_at,
        )

    def asked_again(self, other: "Reservation") -> Self:
        """Return this reservation if `other` is the same request. Raises `ReservationGone`, `ReservationDiffers`."""
        if self.status is ReservationStatus.RELEASED:
            raise ReservationGone(self.order_id, self.activity_id)
        if (self.quantity, self.buyer) != (other.quantity, other.buyer):
            raise ReservationDiffers(self.order_id, self.activity_id, self.quantity)
        return self

    def confirm(self) -> Self:
        """Return the reservation as confirmed. Idempotent. Raises `ReservationGone`."""
        if self.status is ReservationStatus.RELEASED:
            raise ReservationGone(self.order_id, self.activity_id)
        return self if self._final else replace(self, status=ReservationStatus.CONFIRMED)

    def release(self, now: datetime) -> Self:
        """Return the reservation as released. No change if it is already released or confirmed."""
        if self._final:
            return self
        released = ReservationReleased(
            order_id=self.order_id,
            activity_id=self.activity_id,
            quantity=self.quantity,
            occurred_at=now,
        )
        return replace(self, status=ReservationStatus.RELEASED, events=(*self.events, released))

    def stored(self) -> Self:
        """Return the reservation as stored: without its events."""
        return replace(self, events=())

    @property
    def _final(self) -> bool:
        return self.status is not ReservationStatus.HELD
