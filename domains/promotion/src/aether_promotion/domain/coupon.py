"""A coupon: unused, locked for an order, used, or expired."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from aether_promotion.domain.errors import (
    CouponAlreadyUsed,
    CouponBelowThreshold,
    CouponExpired,
    CouponLocked,
    CouponNotYetValid,
    ReservationTooLate,
)
from aether_promotion.domain.events import CouponClaimed, CouponRedeemed
from aether_promotion.domain.values import CouponStatus, CouponTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """One coupon of one owner. It is immutable: each change returns a new one, which carries its events.

    `key` is the idempotency key of its claim. `order_id` is the order that it is locked for, until `locked_until`, or
    was used for. `version` is 0 until it is stored. `events` are not stored yet.
    """

    id: int
    template_id: int
    owner: str
    key: str
    terms: CouponTerms
    claimed_at: datetime
    status: CouponStatus = CouponStatus.UNUSED
    order_id: int | None = None
    locked_until: datetime | None = None
    version: int = 0
    events: tuple[CouponClaimed | CouponRedeemed, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def claim(
        cls, coupon_id: int, *, template_id: int, owner: str, key: str, terms: CouponTerms, now: datetime
    ) -> Self:
        """Return a new, unused coupon."""
        claimed = CouponClaimed(coupon_id=coupon_id, template_id=template_id, owner=owner, occurred_at=now)
        return cls(
            id=coupon_id,
            template_id=template_id,
            owner=owner,
            key=key,
            terms=terms,
            claimed_at=now,
            events=(claimed,),
        )

    def status_at(self, now: datetime) -> CouponStatus:
        """Return the status at `now`: an unused coupon is expired once its validity has ended, stored so or not."""
        over = self.status is CouponStatus.UNUSED and now >= self.terms.valid_until
        return CouponStatus.EXPIRED if over else self.status

    def usable(self, now: datetime) -> None:
        """Raise `CouponAlreadyUsed`, `CouponLocked`, `CouponExpired` or `CouponNotYetValid` if it cannot be used."""
        match self.status_at(now):
            case CouponStatus.USED:
                raise CouponAlreadyUsed(self.id, self.order_id or 0)
            case CouponStatus.LOCKED:
                raise CouponLocked(self.id, self.order_id or 0)
            case CouponStatus.EXPIRED:
                raise CouponExpired(self.id, self.terms.valid_until)
        if now < self.terms.valid_from:
            raise CouponNotYetValid(self.id, self.terms.valid_from)

    def covers(self, total_cents: int) -> None:
        """Raise `CouponBelowThreshold` if the total is below the threshold."""
        if total_cents < self.terms.threshold_cents:
            raise CouponBelowThreshold(self.id, self.terms.threshold_cents, total_cents)

    def lock(self, order_id: int, *, until: datetime, now: datetime) -> Self:
        """Return the coupon, locked for the order. Idempotent. Raises the errors of `usable`, or `ReservationTooLate`."""
        if self.order_id == order_id and self.status in (CouponStatus.LOCKED, CouponStatus.USED):
            return self
        self.usable(now)
        if until <= now:
            raise ReservationTooLate(order_id, until)
        return replace(self, status=CouponStatus.LOCKED, order_id=order_id, locked_until=until)

    def redeem(self, now: datetime) -> Self:
        """Return the coupon as used for its order, even if its validity has ended since. No change unless locked."""
        if self.status is not CouponStatus.LOCKED or self.order_id is None:
            return self
        redeemed = CouponRedeemed(
            coupon_id=self.id,
            template_id=self.template_id,
            owner=self.owner,
            order_id=self.order_id,
            occurred_at=now,
        )
        return replace(self, status=CouponStatus.USED, locked_until=None, events=(*self.events, redeemed))

    def release(self) -> Self:
        """Return the coupon, unlocked. No change unless locked."""
        if self.status is not CouponStatus.LOCKED:
            return self
        return replace(self, status=CouponStatus.UNUSED, order_id=None, locked_until=None)

    def stored(self) -> Self:
        """Return the coupon as stored: one version later, without its events."""
        return replace(self, version=self.version + 1, events=())
