"""Domain events. `adapters/events.py` maps them to integration events."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDecided:
    """Redis granted a coupon. It is binding if this event precedes the generation's `ClaimsClosed` in the log."""

    coupon_id: int
    template_id: int
    generation: int
    owner: str
    idempotency_key: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsClosed:
    """The mark that ends a generation: its later claims are void."""

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
