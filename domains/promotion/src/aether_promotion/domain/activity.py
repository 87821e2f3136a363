"""A flash sale, and what orders take of its stock."""

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
    MOST_CENTS,
    MOST_THINGS,
    ReservationStatus,
    Title,
    before,
    within,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """So many seats of one course at a price of its own, for a while. Each change returns a new one.

    `held` and `sold` are counted where reservations are stored, and no change made here touches them. `version`
    counts what operators stored, from 1.
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
        """A new one. Raises `AmountNotUsable`, `WindowNotUsable`."""
        within("priceCents", price_cents, 0, MOST_CENTS)
        within("quantity", quantity, 1, MOST_THINGS)
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
        """Seats that nobody holds and nobody has paid."""
        return self.quantity - self.held - self.sold

    def running(self, now: datetime) -> None:
        """Raises `ActivityNotStarted`, `ActivityOver`."""
        if now < self.starts_at:
            raise ActivityNotStarted(self.id, self.starts_at)
        if now >= self.ends_at:
            raise ActivityOver(self.id, self.ends_at)

    def close(self, *, version: int, now: datetime) -> Self:
        """Over from now on; what is reserved stays so. Raises `ActivityHasChanged`, `ActivityOver`."""
        if version != self.version:
            raise ActivityHasChanged(self.id, version)
        if now >= self.ends_at:
            raise ActivityOver(self.id, self.ends_at)
        return replace(self, ends_at=now, starts_at=min(self.starts_at, now))

    def stored(self) -> Self:
        """The same as the store keeps it: one version on."""
        return replace(self, version=self.version + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What one order took of one flash sale: held until it is confirmed, released, or found expired."""

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
        """A new one. Raises `AmountNotUsable`, `ReservationTooLate`."""
        within("quantity", quantity, 1, MOST_THINGS)
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
        """This one, for somebody who asks for `other` and has it. Raises `ReservationGone`, `ReservationDiffers`."""
        if self.status is ReservationStatus.RELEASED:
            raise ReservationGone(self.order_id, self.activity_id)
        if (self.quantity, self.buyer) != (other.quantity, other.buyer):
            raise ReservationDiffers(self.order_id, self.activity_id, self.quantity)
        return self

    def confirm(self) -> Self:
        """The order's for good; the same one where it is already. Raises `ReservationGone`."""
        if self.status is ReservationStatus.RELEASED:
            raise ReservationGone(self.order_id, self.activity_id)
        return self if self._final else replace(self, status=ReservationStatus.CONFIRMED)

    def release(self, now: datetime) -> Self:
        """Given back; the same one where it is already, or where it is confirmed."""
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
        """The same as the store keeps it: its events handed over."""
        return replace(self, events=())

    @property
    def _final(self) -> bool:
        return self.status is not ReservationStatus.HELD
