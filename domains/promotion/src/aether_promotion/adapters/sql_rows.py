"""The columns that templates and coupons have in common."""

from typing import Any

from sqlalchemy import Row

from aether_promotion.domain.values import AmountOff, Benefit, CouponTerms, PercentOff, Title


def coupon_terms_row(terms: CouponTerms) -> dict[str, object]:
    match terms.benefit:
        case AmountOff(amount_cents=cents):
            benefit = {"amount_cents": cents, "percent": None, "cap_cents": None}
        case PercentOff(percent=percent, cap_cents=cap):
            benefit = {"amount_cents": None, "percent": percent, "cap_cents": cap}
    return {
        "title": terms.title.text,
        **benefit,
        "threshold_cents": terms.threshold_cents,
        "valid_from": terms.valid_from,
        "valid_until": terms.valid_until,
    }


def coupon_terms(row: Row[Any]) -> CouponTerms:
    benefit: Benefit
    if row.percent is None:
        benefit = AmountOff(amount_cents=row.amount_cents)
    else:
        benefit = PercentOff(percent=row.percent, cap_cents=row.cap_cents)
    return CouponTerms(
        title=Title(row.title),
        benefit=benefit,
        threshold_cents=row.threshold_cents,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )
