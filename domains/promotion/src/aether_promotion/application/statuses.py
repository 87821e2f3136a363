"""The statuses of the contract and those of the domain: one for one, and mypy proves that none is left out."""

from typing import assert_never

from aether.promotion.v1 import types
from aether_promotion.domain.values import CouponStatus, ReservationStatus, TemplateStatus


def template_status_of(status: types.TemplateStatus) -> TemplateStatus:
    match status:
        case types.TemplateStatus.DRAFT:
            return TemplateStatus.DRAFT
        case types.TemplateStatus.PUBLISHED:
            return TemplateStatus.PUBLISHED
        case types.TemplateStatus.WITHDRAWN:
            return TemplateStatus.WITHDRAWN
        case _:
            assert_never(status)


def template_status_view(status: TemplateStatus) -> types.TemplateStatus:
    match status:
        case TemplateStatus.DRAFT:
            return types.TemplateStatus.DRAFT
        case TemplateStatus.PUBLISHED:
            return types.TemplateStatus.PUBLISHED
        case TemplateStatus.WITHDRAWN:
            return types.TemplateStatus.WITHDRAWN
        case _:
            assert_never(status)


def coupon_status_of(status: types.CouponStatus) -> CouponStatus:
    match status:
        case types.CouponStatus.UNUSED:
            return CouponStatus.UNUSED
        case types.CouponStatus.LOCKED:
            return CouponStatus.LOCKED
        case types.CouponStatus.USED:
            return CouponStatus.USED
        case types.CouponStatus.EXPIRED:
            return CouponStatus.EXPIRED
        case _:
            assert_never(status)


def coupon_status_view(status: CouponStatus) -> types.CouponStatus:
    match status:
        case CouponStatus.UNUSED:
            return types.CouponStatus.UNUSED
        case CouponStatus.LOCKED:
            return types.CouponStatus.LOCKED
        case CouponStatus.USED:
            return types.CouponStatus.USED
        case CouponStatus.EXPIRED:
            return types.CouponStatus.EXPIRED
        case _:
            assert_never(status)


def reservation_status_view(status: ReservationStatus) -> types.ReservationStatus:
    match status:
        case ReservationStatus.HELD:
            return types.ReservationStatus.HELD
        case ReservationStatus.CONFIRMED:
            return types.ReservationStatus.CONFIRMED
        case ReservationStatus.RELEASED:
            return types.ReservationStatus.RELEASED
        case _:
            assert_never(status)
