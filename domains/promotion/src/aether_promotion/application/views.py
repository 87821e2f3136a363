"""Maps domain objects to the contract's messages, and messages to values."""

from collections.abc import Iterable
from datetime import datetime

from aether.promotion.v1 import types
from aether_promotion.application.statuses import (
    coupon_status_view,
    reservation_status_view,
    template_status_view,
)
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.claim_authority import ClaimAuthority
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.pricing import PricedOrder
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import AmountOff, Benefit, CouponTerms, PercentOff, Terms, Title


def terms_of(terms: types.Terms) -> Terms:
    """Return the terms in the message. Raises the errors of `Title`, `Terms` and `benefit_of`."""
    coupon = CouponTerms(
        title=Title.of(terms.title),
        benefit=benefit_of(terms.benefit),
        threshold_cents=terms.threshold_cents,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
    )
    return Terms.of(
        coupon, quota=terms.quota, limit_per_user=terms.limit_per_user, claims_from=terms.claims_from
    )


def benefit_of(benefit: types.Benefit) -> Benefit:
    """Return the benefit in the message. Raises `AmountNotUsable`."""
    match benefit.kind:
        case types.AmountOff(amount_cents=cents):
            return AmountOff.of(cents)
        case types.PercentOff(percent=percent, cap_cents=cap):
            return PercentOff.of(percent, cap)


def benefit_view(benefit: Benefit) -> types.Benefit:
    match benefit:
        case AmountOff():
            return types.Benefit(kind=types.AmountOff(amount_cents=benefit.amount_cents))
        case PercentOff():
            part = types.PercentOff(percent=benefit.percent, cap_cents=benefit.cap_cents)
            return types.Benefit(kind=part)


def template_view(template: Template, authority: ClaimAuthority) -> types.Template:
    terms, coupon = template.terms, template.terms.coupon
    return types.Template(
        id=template.id,
        terms=types.Terms(
            title=coupon.title.text,
            benefit=benefit_view(coupon.benefit),
            threshold_cents=coupon.threshold_cents,
            quota=terms.quota,
            limit_per_user=terms.limit_per_user,
            claims_from=terms.claims_from,
            valid_from=coupon.valid_from,
            valid_until=coupon.valid_until,
        ),
        status=template_status_view(template.status),
        claimed=authority.claimed,
        version=template.version,
        created_at=template.created_at,
    )


def coupon_view(coupon: Coupon, now: datetime) -> types.Coupon:
    """Return the coupon as its owner sees it."""
    return types.Coupon(
        id=coupon.id,
        template_id=coupon.template_id,
        title=coupon.terms.title.text,
        benefit=benefit_view(coupon.terms.benefit),
        threshold_cents=coupon.terms.threshold_cents,
        valid_from=coupon.terms.valid_from,
        valid_until=coupon.terms.valid_until,
        status=coupon_status_view(coupon.status_at(now)),
        claimed_at=coupon.claimed_at,
        order_id=coupon.order_id,
    )


def activity_view(activity: Activity) -> types.Activity:
    return types.Activity(
        id=activity.id,
        title=activity.title.text,
        course_id=activity.course_id,
        price_cents=activity.price_cents,
        starts_at=activity.starts_at,
        ends_at=activity.ends_at,
        quantity=activity.quantity,
        held=activity.held,
        sold=activity.sold,
        version=activity.version,
    )


def reservation_view(reservation: Reservation) -> types.Reservation:
    return types.Reservation(
        order_id=reservation.order_id,
        activity_id=reservation.activity_id,
        quantity=reservation.quantity,
        expires_at=reservation.expires_at,
        status=reservation_status_view(reservation.status),
    )


def reservations_view(reservations: Iterable[Reservation]) -> types.Reservations:
    return types.Reservations(reservations=tuple(map(reservation_view, reservations)))


def coupons_view(coupons: Iterable[Coupon]) -> types.LockedCoupons:
    return types.LockedCoupons(coupon_ids=tuple(coupon.id for coupon in coupons))


def quote_view(priced: PricedOrder) -> types.QuoteResult:
    return types.QuoteResult(
        lines=tuple(
            types.QuoteLine(
                course_id=line.item.course_id,
                quantity=line.item.quantity,
                price_cents=line.item.price_cents,
                discount_cents=line.discount_cents,
                payable_cents=line.payable_cents,
            )
            for line in priced.lines
        ),
        total_cents=priced.total_cents,
        discount_cents=priced.discount_cents,
        payable_cents=priced.payable_cents,
        coupon_ids=tuple(coupon.id for coupon in priced.coupons),
    )
