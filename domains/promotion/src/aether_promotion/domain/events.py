"""What has happened, in the words of the domain; `adapters/events.py` says it to other services."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDecided:
    """Redis gave a coupon to somebody; it is theirs if this stands in the log before the `ClaimsClosed`."""

    coupon_id: int
    template_id: int
    generation: int
    owner: str
    idempotency_key: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsClosed:
    """Redis decides no more claims of this generation."""

    template_id: int
    generation: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponClaimed:
    coupon_id: int
    template_id: int
    owner: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponRedeemed:
    coupon_id: int
    template_id: int
    owner: str
    order_id: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationReleased:
    order_id: int
    activity_id: int
    quantity: int
    occurred_at: datetime


PromotionEvent = ClaimDecided | ClaimsClosed | CouponClaimed | CouponRedeemed | ReservationReleased
