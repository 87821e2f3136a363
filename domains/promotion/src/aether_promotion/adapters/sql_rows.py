"""Row mappings of everything this domain stores."""

from aether_adapters.sql import RowMapping, by_value, embedded, in_column, in_columns, wrapped

from aether_promotion.adapters.tables import ACTIVITIES, CLAIM_AUTHORITIES, COUPONS, RESERVATIONS, TEMPLATES
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import (
    AmountOff,
    Benefit,
    CouponStatus,
    CouponTerms,
    PercentOff,
    ReservationStatus,
    TemplateStatus,
    Terms,
    Title,
)


def _benefit_columns(benefit: Benefit) -> tuple[int | None, int | None, int | None]:
    match benefit:
        case AmountOff(amount_cents=cents):
            return cents, None, None
        case PercentOff(percent=percent, cap_cents=cap_cents):
            return None, percent, cap_cents


def _benefit(amount_cents: int, percent: int | None, cap_cents: int) -> Benefit:
    if percent is None:
        return AmountOff(amount_cents=amount_cents)
    return PercentOff(percent=percent, cap_cents=cap_cents)


_COUPON_TERMS = embedded(
    CouponTerms,
    {
        "title": wrapped(Title, "text"),
        "benefit": in_columns(("amount_cents", "percent", "cap_cents"), _benefit_columns, _benefit),
    },
)

TEMPLATES_MAPPING = RowMapping(
    Template,
    TEMPLATES,
    {"terms": embedded(Terms, {"coupon": _COUPON_TERMS}), "status": by_value(TemplateStatus)},
)

CLAIM_AUTHORITIES_MAPPING = RowMapping(
    ClaimAuthority, CLAIM_AUTHORITIES, {"decides": by_value(Decides)}, without=("events",)
)

COUPONS_MAPPING = RowMapping(
    Coupon,
    COUPONS,
    {"key": in_column("claim_key"), "terms": _COUPON_TERMS, "status": by_value(CouponStatus)},
    without=("events",),
)

ACTIVITIES_MAPPING = RowMapping(Activity, ACTIVITIES, {"title": wrapped(Title, "text")})

RESERVATIONS_MAPPING = RowMapping(
    Reservation, RESERVATIONS, {"status": by_value(ReservationStatus)}, without=("events",)
)
