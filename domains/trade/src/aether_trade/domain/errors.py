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


class OperatorsOnly(Invalid):
    """The container's error table maps it to forbidden."""

    def __init__(self) -> None:
        super().__init__("Only an operator may do this: ask an operator.")


class TitleNotUsable(Invalid):
    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"A title has 1 to {limit} characters, this one has {length}: choose another.")
        self.length = length
        self.limit = limit


class TitleNotReadable(Invalid):
    def __init__(self, character: str) -> None:
        super().__init__(f"A title cannot contain the invisible character {character}: leave it out.")
        self.character = character


class PriceNotUsable(Invalid):
    def __init__(self, price_cents: int, limit_cents: int) -> None:
        super().__init__(f"A price is 0 to {limit_cents} cents, this one is {price_cents}: choose another.")
        self.price_cents = price_cents
        self.limit_cents = limit_cents


class PageSizeNotUsable(Invalid):
    def __init__(self, page_size: int) -> None:
        super().__init__(f"A page cannot have {page_size} entries: ask for 1 or more, or 0 for the default.")
        self.page_size = page_size


class PageTokenNotUsable(Invalid):
    def __init__(self) -> None:
        super().__init__("This page token is not valid: start again without one.")


class IdempotencyKeyNotUsable(Invalid):
    def __init__(self, length: int, limit: int) -> None:
        super().__init__(
            f"An idempotency key has 1 to {limit} characters, this one has {length}: make a new one."
        )
        self.length = length
        self.limit = limit


class ItemCountNotUsable(Invalid):
    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"An order has 1 to {limit} items, this one has {count}: split it.")
        self.count = count
        self.limit = limit


class QuantityNotUsable(Invalid):
    def __init__(self, course_id: int, quantity: int, limit: int) -> None:
        super().__init__(
            f"You can order 1 to {limit} of course {course_id}, not {quantity}: change the quantity."
        )
        self.course_id = course_id
        self.quantity = quantity
        self.limit = limit


class ItemOrderedTwice(Invalid):
    def __init__(self, course_id: int) -> None:
        super().__init__(f"Course {course_id} is in this order twice: add up its quantities.")
        self.course_id = course_id


class CouponCountNotUsable(Invalid):
    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"An order takes at most {limit} coupons, this one has {count}: leave some out.")
        self.count = count
        self.limit = limit


class CouponNamedTwice(Invalid):
    def __init__(self, coupon_id: int) -> None:
        super().__init__(f"Coupon {coupon_id} is in this order twice: send it once.")
        self.coupon_id = coupon_id


class LineNotFound(Invalid):
    def __init__(self, order_id: int, line: int) -> None:
        super().__init__(f"Order {order_id} has no line {line}: read it again.")
        self.order_id = order_id
        self.line = line


class LineNamedTwice(Invalid):
    def __init__(self, line: int) -> None:
        super().__init__(f"Line {line} is in this refund twice: add up its quantities.")
        self.line = line


class RefundTooLarge(Invalid):
    def __init__(self, line: int, quantity: int, left: int) -> None:
        super().__init__(f"Line {line} has {left} left to refund, not {quantity}: refund 1 to {left}.")
        self.line = line
        self.quantity = quantity
        self.left = left


class SignatureForged(Invalid):
    """The container's error table maps it to forbidden. It does not reveal the right signature."""

    def __init__(self) -> None:
        super().__init__("The signature is not the payment provider's, or too old: sign the request again.")


class NoticeNotReadable(Invalid):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The signature is valid, but not the payment notice ({reason}): fix the sender.")
        self.reason = reason


class AmountMismatch(Invalid):
    def __init__(self, order_id: int, payable_cents: int, amount_cents: int) -> None:
        super().__init__(
            f"Order {order_id} costs {payable_cents} cents, not {amount_cents}: correct the payment."
        )
        self.order_id = order_id
        self.payable_cents = payable_cents
        self.amount_cents = amount_cents


class CourseNotFound(NotFound):
    def __init__(self, course_id: int) -> None:
        super().__init__(f"You cannot see a course {course_id}: list the courses on sale.")
        self.course_id = course_id


class OrderNotFound(NotFound):
    def __init__(self, order_id: int) -> None:
        super().__init__(f"You have no order {order_id}: list yours.")
        self.order_id = order_id


class CourseHasChanged(Conflict):
    def __init__(self, course_id: int, version: int) -> None:
        super().__init__(f"Course {course_id} is no longer at version {version}: read it again.")
        self.course_id = course_id
        self.version = version


class CourseNotOnSale(Conflict):
    def __init__(self, course_id: int) -> None:
        super().__init__(f"Course {course_id} is not on sale: leave it out.")
        self.course_id = course_id


class KeyUsedForAnotherOrder(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "You sent this idempotency key with another request: make a new key for a new order."
        )


class OrderBeingPlaced(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "An order with this idempotency key is being placed: send the same request again shortly."
        )


class PlacingTookTooLong(Conflict):
    def __init__(self, deadline: datetime) -> None:
        super().__init__("The time to pay was over before the order was placed: place it again.")
        self.deadline = deadline


class QuoteDoesNotAddUp(Conflict):
    def __init__(self, course_id: int) -> None:
        super().__init__(
            f"The price of course {course_id} is not known at the moment: place the order again."
        )
        self.course_id = course_id


class OrderNotPending(Conflict):
    def __init__(self, order_id: int, status: str) -> None:
        super().__init__(f"Order {order_id} is {status} and cannot be paid or closed: read it again.")
        self.order_id = order_id
        self.status = status


class OrderOverdue(Conflict):
    def __init__(self, order_id: int, deadline: datetime) -> None:
        super().__init__(f"The time to pay order {order_id} is over: place a new one.")
        self.order_id = order_id
        self.deadline = deadline


class OrderNotPaid(Conflict):
    def __init__(self, order_id: int, status: str) -> None:
        super().__init__(f"Order {order_id} is {status}; only a paid one allows this: read it again.")
        self.order_id = order_id
        self.status = status


class OrderHasChanged(Conflict):
    def __init__(self, order_id: int, version: int) -> None:
        super().__init__(f"Order {order_id} is no longer at version {version}: read it again.")
        self.order_id = order_id
        self.version = version
