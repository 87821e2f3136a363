"""Pricing: the best use of the coupons that a buyer offers, and the discount of each item.

An order takes at most one coupon of each kind, an amount and a percentage. The percentage counts first, on the whole
order, because that is never worse for the buyer. Thresholds are compared with the order before any discount.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.values import AmountOff, PercentOff


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A quantity of one course. `price_cents` is for one piece."""

    course_id: int
    quantity: int
    price_cents: int

    @property
    def total_cents(self) -> int:
        return self.quantity * self.price_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An item. `discount_cents` is for the whole quantity."""

    item: Item
    discount_cents: int

    @property
    def payable_cents(self) -> int:
        return self.item.total_cents - self.discount_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedOrder:
    """The best price, and the coupons that it uses."""

    lines: tuple[Line, ...]
    coupons: tuple[Coupon, ...]

    @property
    def total_cents(self) -> int:
        return sum(line.item.total_cents for line in self.lines)

    @property
    def discount_cents(self) -> int:
        return sum(line.discount_cents for line in self.lines)

    @property
    def payable_cents(self) -> int:
        return sum(line.payable_cents for line in self.lines)


def best_price(items: Sequence[Item], coupons: Sequence[Coupon], now: datetime) -> PricedOrder:
    """Return the lowest price. Of equal choices take the fewest coupons, then those that expire first.

    Raises the errors of `Coupon.usable` and `Coupon.covers` for any offered coupon.
    """
    total = sum(item.total_cents for item in items)
    for coupon in coupons:
        coupon.usable(now)
        coupon.covers(total)
    percents = [None, *(coupon for coupon in coupons if isinstance(coupon.terms.benefit, PercentOff))]
    amounts = [None, *(coupon for coupon in coupons if isinstance(coupon.terms.benefit, AmountOff))]
    pairs = [(percent, amount) for percent in percents for amount in amounts]
    choices = [tuple(coupon for coupon in pair if coupon is not None) for pair in pairs]
    best = min(
        choices,
        key=lambda chosen: (
            -discount_of(chosen, total),
            len(chosen),
            [(coupon.terms.valid_until, coupon.id) for coupon in chosen],
        ),
    )
    shares = allocate(discount_of(best, total), [item.total_cents for item in items])
    return PricedOrder(
        lines=tuple(Line(item=item, discount_cents=share) for item, share in zip(items, shares, strict=True)),
        coupons=best,
    )


def discount_of(coupons: Sequence[Coupon], total_cents: int) -> int:
    """Return the discount of these coupons, applied one after the other."""
    left = total_cents
    for coupon in coupons:
        left -= coupon.terms.benefit.off(left)
    return total_cents - left


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to `weights`, so that the parts sum to it and none exceeds its weight.

    `amount` is at most the sum of the weights. Uses the largest remainder method
    (https://en.wikipedia.org/wiki/Quota_method): round every share down, then give the remaining cents one by one to
    the shares with the largest remainders; of equals to the first.
    """
    total = sum(weights)
    if total == 0:
        return [0] * len(weights)
    shares = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(amount * weights[index] % total))
    for index in by_remainder[: amount - sum(shares)]:
        shares[index] += 1
    return shares
