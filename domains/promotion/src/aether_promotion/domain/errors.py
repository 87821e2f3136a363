"""Errors of the domain: three kinds, and one class for each broken rule.

A message says what to do next. The public attributes reach the caller as the problem's values.
"""

from datetime import datetime


class Invalid(Exception):
    """A value breaks a rule, whatever the state."""


class NotFound(Exception):
    """The object does not exist, or the caller may not see it."""


class Conflict(Exception):
    """The current state does not allow the request."""


class OperatorsOnly(Exception):
    """The caller is authenticated, but not an operator."""

    def __init__(self) -> None:
        super().__init__("Only an operator may do this: ask an operator.")


class NotNow(Exception):
    """The request is valid but cannot be answered now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ClaimsArePaused(NotNow):
    def __init__(self, template_id: int) -> None:
        super().__init__("Claims are paused for a moment: repeat yours with the same Idempotency-Key.", 1.0)
        self.template_id = template_id


class TitleNotUsable(Invalid):
    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"A title has 1 to {limit} characters, this one has {length}: choose another.")
        self.length = length
        self.limit = limit


class TitleNotReadable(Invalid):
    def __init__(self, character: str) -> None:
        super().__init__(f"A title cannot contain the invisible character {character}: leave it out.")
        self.character = character


class AmountNotUsable(Invalid):
    def __init__(self, field: str, value: int, least: int, most: int) -> None:
        super().__init__(f"{field} must be {least} to {most}, not {value}: choose another.")
        self.field = field
        self.value = value
        self.least = least
        self.most = most


class WindowNotUsable(Invalid):
    def __init__(self, field: str, starts_at: datetime, ends_at: datetime) -> None:
        super().__init__(f"{field} must be before the end, {ends_at.isoformat()}: choose an earlier one.")
        self.field = field
        self.starts_at = starts_at
        self.ends_at = ends_at


class IdempotencyKeyNotUsable(Invalid):
    def __init__(self) -> None:
        super().__init__("An idempotency key has 1 to 64 letters, digits, hyphens or underscores.")


class TooManyCoupons(Invalid):
    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"An order takes at most {limit} coupons, not {count}: choose among them.")
        self.count = count
        self.limit = limit


class PageSizeNotUsable(Invalid):
    def __init__(self, page_size: int) -> None:
        super().__init__(f"A page cannot have {page_size} entries: ask for 1 or more, or 0 for the default.")
        self.page_size = page_size


class PageTokenNotUsable(Invalid):
    def __init__(self) -> None:
        super().__init__("This page token is not valid: start again without one.")


class TemplateNotFound(NotFound):
    def __init__(self, template_id: int) -> None:
        super().__init__(f"Template {template_id} does not exist: list the templates.")
        self.template_id = template_id


class TemplateHasChanged(Conflict):
    def __init__(self, template_id: int, version: int) -> None:
        super().__init__(f"Template {template_id} is no longer at version {version}: read it again.")
        self.template_id = template_id
        self.version = version


class TemplateNotDraft(Conflict):
    def __init__(self, template_id: int, status: str) -> None:
        super().__init__(
            f"Template {template_id} is {status}, and only a draft can be published: create another."
        )
        self.template_id = template_id
        self.status = status


class TemplateNotPublished(Conflict):
    def __init__(self, template_id: int, status: str) -> None:
        super().__init__(f"Template {template_id} is {status}: it cannot be claimed or withdrawn now.")
        self.template_id = template_id
        self.status = status


class ClaimsNotYetOpen(Conflict):
    def __init__(self, template_id: int, claims_from: datetime) -> None:
        super().__init__(f"Claims open at {claims_from.isoformat()}: come back then.")
        self.template_id = template_id
        self.claims_from = claims_from


class ClaimsOver(Conflict):
    def __init__(self, template_id: int, valid_until: datetime) -> None:
        super().__init__(f"These coupons expired at {valid_until.isoformat()}: look for another offer.")
        self.template_id = template_id
        self.valid_until = valid_until


class QuotaExhausted(Conflict):
    def __init__(self, template_id: int) -> None:
        super().__init__("All of these coupons are claimed: look for another offer.")
        self.template_id = template_id


class ClaimLimitReached(Conflict):
    def __init__(self, template_id: int, limit: int) -> None:
        super().__init__(f"Each customer may claim {limit} of these, and you have claimed yours: use them.")
        self.template_id = template_id
        self.limit = limit


class CouponNotFound(NotFound):
    def __init__(self, coupon_id: int) -> None:
        super().__init__(f"You have no coupon {coupon_id}: list yours.")
        self.coupon_id = coupon_id


class CouponHasChanged(Conflict):
    def __init__(self, coupon_id: int, version: int) -> None:
        super().__init__(f"Coupon {coupon_id} is no longer at version {version}: read it again.")
        self.coupon_id = coupon_id
        self.version = version


class CouponNotYetValid(Conflict):
    def __init__(self, coupon_id: int, valid_from: datetime) -> None:
        super().__init__(f"This coupon is valid from {valid_from.isoformat()}: leave it out until then.")
        self.coupon_id = coupon_id
        self.valid_from = valid_from


class CouponExpired(Conflict):
    def __init__(self, coupon_id: int, valid_until: datetime) -> None:
        super().__init__(f"This coupon expired at {valid_until.isoformat()}: leave it out.")
        self.coupon_id = coupon_id
        self.valid_until = valid_until


class CouponAlreadyUsed(Conflict):
    def __init__(self, coupon_id: int, order_id: int) -> None:
        super().__init__("This coupon was used for an order: leave it out.")
        self.coupon_id = coupon_id
        self.order_id = order_id


class CouponLocked(Conflict):
    def __init__(self, coupon_id: int, order_id: int) -> None:
        super().__init__("This coupon is locked for an order: pay or cancel that order, or leave it out.")
        self.coupon_id = coupon_id
        self.order_id = order_id


class CouponBelowThreshold(Conflict):
    def __init__(self, coupon_id: int, threshold_cents: int, total_cents: int) -> None:
        super().__init__("The order is below the threshold of this coupon: add items, or leave it out.")
        self.coupon_id = coupon_id
        self.threshold_cents = threshold_cents
        self.total_cents = total_cents


class ActivityNotFound(NotFound):
    def __init__(self, activity_id: int) -> None:
        super().__init__(f"Flash sale {activity_id} does not exist: list the flash sales.")
        self.activity_id = activity_id


class ActivityHasChanged(Conflict):
    def __init__(self, activity_id: int, version: int) -> None:
        super().__init__(f"Flash sale {activity_id} is no longer at version {version}: read it again.")
        self.activity_id = activity_id
        self.version = version


class ActivityNotStarted(Conflict):
    def __init__(self, activity_id: int, starts_at: datetime) -> None:
        super().__init__(f"This flash sale starts at {starts_at.isoformat()}: come back then.")
        self.activity_id = activity_id
        self.starts_at = starts_at


class ActivityOver(Conflict):
    def __init__(self, activity_id: int, ends_at: datetime) -> None:
        super().__init__(f"This flash sale ended at {ends_at.isoformat()}: buy at the usual price.")
        self.activity_id = activity_id
        self.ends_at = ends_at


class ItemNotInActivity(Invalid):
    def __init__(self, activity_id: int, course_id: int) -> None:
        super().__init__("This flash sale is for another course: leave the sale out, or choose its course.")
        self.activity_id = activity_id
        self.course_id = course_id


class StockGone(Conflict):
    def __init__(self, activity_id: int, quantity: int) -> None:
        super().__init__(
            "Fewer seats than that are left: ask for less, or try again in case some are released."
        )
        self.activity_id = activity_id
        self.quantity = quantity


class ReservationDiffers(Conflict):
    def __init__(self, order_id: int, activity_id: int, quantity: int) -> None:
        super().__init__("This order already has a different reservation: place another order.")
        self.order_id = order_id
        self.activity_id = activity_id
        self.quantity = quantity


class ReservationGone(Conflict):
    def __init__(self, order_id: int, activity_id: int) -> None:
        super().__init__("The reservation of this order was released: place another order.")
        self.order_id = order_id
        self.activity_id = activity_id


class ReservationTooLate(Conflict):
    def __init__(self, order_id: int, expires_at: datetime) -> None:
        super().__init__("The requested expiry time has passed: place another order.")
        self.order_id = order_id
        self.expires_at = expires_at
