"""The repositories of one transaction, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aether_adapters.testing import memory as kit

from aether_promotion.application.ports import AlreadyReserved
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.errors import (
    ActivityHasChanged,
    ActivityNotFound,
    CouponHasChanged,
    CouponNotFound,
    StockGone,
    TemplateHasChanged,
    TemplateNotFound,
)
from aether_promotion.domain.events import PromotionEvent
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import CouponStatus, ReservationStatus, TemplateStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class State(kit.MemoryState[PromotionEvent]):
    templates: dict[int, Template] = field(default_factory=dict)
    authorities: dict[int, ClaimAuthority] = field(default_factory=dict)
    coupons: dict[int, Coupon] = field(default_factory=dict)
    activities: dict[int, Activity] = field(default_factory=dict)
    reservations: dict[tuple[int, int], Reservation] = field(default_factory=dict)


class MemoryTemplates(kit.MemoryTable[Template]):
    def __init__(self, state: State) -> None:
        super().__init__(
            state.templates,
            missing=TemplateNotFound,
            conflict=TemplateHasChanged,
        )

    def get(self, template_id: int, /) -> Template:
        return self._find(template_id)

    def page(
        self, *, statuses: Sequence[TemplateStatus], before: int | None, limit: int
    ) -> tuple[Template, ...]:
        return self._newest(before=before, limit=limit, where=lambda one: one.status in statuses)


class MemoryClaimAuthorities:
    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, authority: ClaimAuthority, /) -> None:
        self._state.authorities[authority.template_id] = authority

    def get(self, template_id: int, /) -> ClaimAuthority:
        found = self._state.authorities.get(template_id)
        if found is None:
            raise TemplateNotFound(template_id)
        return found

    lock = get

    def save(self, authority: ClaimAuthority, /) -> ClaimAuthority:
        stored = self._state.authorities[authority.template_id] = authority.stored()
        self._state.outbox.extend(authority.events)
        return stored

    def take(self, template_id: int, /) -> ClaimAuthority:
        authority = self.get(template_id)
        if authority.gives:
            self.save(authority.count())
        return authority

    def to_keep(self, now: datetime, /) -> tuple[ClaimAuthority, ...]:
        templates = self._state.templates
        offered = {
            number
            for number, one in templates.items()
            if one.status is TemplateStatus.PUBLISHED and one.terms.coupon.valid_until > now
        }
        return tuple(
            authority
            for number, authority in sorted(self._state.authorities.items())
            if number in offered or authority.decides is not Decides.SQL
        )


class MemoryCoupons(kit.PublishingTable[Coupon]):
    def __init__(self, state: State) -> None:
        super().__init__(
            state.coupons,
            state.outbox,
            missing=CouponNotFound,
            conflict=CouponHasChanged,
        )

    def add(self, coupon: Coupon, /) -> Coupon:
        if any(
            (one.template_id, one.owner, one.key) == (coupon.template_id, coupon.owner, coupon.key)
            for one in self._rows.values()
        ):
            raise CouponHasChanged(coupon.id, coupon.version)
        return super().add(coupon)

    def add_all(self, coupons: Sequence[Coupon], /) -> None:
        for coupon in coupons:
            self.add(coupon)

    def known(self, coupon_ids: Collection[int], /) -> frozenset[int]:
        return frozenset(coupon_ids) & self._rows.keys()

    def get(self, coupon_id: int, /, *, owner: str) -> Coupon:
        found = self._find(coupon_id)
        if found.owner != owner:
            raise CouponNotFound(coupon_id)
        return found

    hold = get

    def page(
        self, *, owner: str, status: CouponStatus | None, now: datetime, before: int | None, limit: int
    ) -> tuple[Coupon, ...]:
        return self._newest(
            before=before,
            limit=limit,
            where=lambda one: one.owner == owner and (status is None or one.status_at(now) is status),
        )

    def claimed(self, template_id: int, /, *, owner: str) -> tuple[Coupon, ...]:
        return tuple(one for one in self._sorted() if (one.template_id, one.owner) == (template_id, owner))

    def claims(self, template_id: int, /, *, after: int, limit: int) -> tuple[Coupon, ...]:
        wanted = [one for one in self._sorted() if one.template_id == template_id and one.id > after]
        return tuple(wanted[:limit])

    def of_order(self, order_id: int, /) -> tuple[Coupon, ...]:
        return tuple(one for one in self._sorted() if one.order_id == order_id)

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[Coupon, ...]:
        wanted = [
            (one.locked_until, one.id)
            for one in self._rows.values()
            if one.status is CouponStatus.LOCKED and one.locked_until is not None and one.locked_until <= now
        ]
        return tuple(self._rows[number] for _, number in sorted(wanted)[:limit])

    def expire(self, now: datetime, /, *, limit: int) -> int:
        over = [
            one
            for one in self._rows.values()
            if one.status is CouponStatus.UNUSED and one.terms.valid_until <= now
        ]
        over.sort(key=lambda one: one.terms.valid_until)
        for one in over[:limit]:
            self._store(replace(one, status=CouponStatus.EXPIRED))
        return len(over[:limit])

    def _sorted(self) -> list[Coupon]:
        return [one for _, one in sorted(self._rows.items())]


class MemoryActivities(kit.MemoryTable[Activity]):
    def __init__(self, state: State) -> None:
        super().__init__(
            state.activities,
            missing=ActivityNotFound,
            conflict=ActivityHasChanged,
        )

    def get(self, activity_id: int, /) -> Activity:
        return self._find(activity_id)

    def save(self, activity: Activity, /) -> Activity:
        present = self._rows.get(activity.id)
        stored = super().save(activity)
        if present is not None:
            self._rows[activity.id] = replace(stored, held=present.held, sold=present.sold)
        return stored

    def page(self, *, before: int | None, limit: int) -> tuple[Activity, ...]:
        return self._newest(before=before, limit=limit)

    def to_keep(self, ended_after: datetime, /) -> tuple[Activity, ...]:
        return tuple(one for _, one in sorted(self._rows.items()) if one.ends_at > ended_after)


class MemoryReservations:
    def __init__(self, state: State) -> None:
        self._state = state

    def take(self, reservation: Reservation, now: datetime, /) -> Reservation:
        activity = MemoryActivities(self._state).get(reservation.activity_id)
        activity.running(now)
        if activity.left < reservation.quantity:
            raise StockGone(reservation.activity_id, reservation.quantity)
        key = (reservation.order_id, reservation.activity_id)
        if key in self._state.reservations:
            raise AlreadyReserved
        self._state.activities[activity.id] = replace(activity, held=activity.held + reservation.quantity)
        stored = self._state.reservations[key] = reservation.stored()
        return stored

    def get(self, order_id: int, activity_id: int, /) -> Reservation | None:
        return self._state.reservations.get((order_id, activity_id))

    def of_order(self, order_id: int, /) -> tuple[Reservation, ...]:
        return tuple(one for key, one in sorted(self._state.reservations.items()) if key[0] == order_id)

    def settle(self, reservation: Reservation, /) -> bool:
        key = (reservation.order_id, reservation.activity_id)
        present = self._state.reservations.get(key)
        if present is None or present.status is not ReservationStatus.HELD:
            return False
        activity = self._state.activities[reservation.activity_id]
        sold = reservation.quantity if reservation.status is ReservationStatus.CONFIRMED else 0
        self._state.activities[activity.id] = replace(
            activity, held=activity.held - reservation.quantity, sold=activity.sold + sold
        )
        self._state.reservations[key] = replace(present, status=reservation.status)
        self._state.outbox.extend(reservation.events)
        return True

    def overdue(self, now: datetime, /, *, limit: int) -> tuple[Reservation, ...]:
        wanted = [one for one in self._state.reservations.values() if one.expires_at <= now]
        wanted = [one for one in wanted if one.status is ReservationStatus.HELD]
        return tuple(sorted(wanted, key=lambda one: one.expires_at)[:limit])

    def held(self, activity_id: int, /) -> tuple[Reservation, ...]:
        return tuple(
            one
            for _, one in sorted(self._state.reservations.items())
            if one.activity_id == activity_id and one.status is ReservationStatus.HELD
        )
