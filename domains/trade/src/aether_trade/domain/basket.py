"""The basket: the items and coupons of a request, before they are priced."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from aether_trade.domain.errors import (
    CouponCountNotUsable,
    CouponNamedTwice,
    ItemCountNotUsable,
    ItemOrderedTwice,
    QuantityNotUsable,
)

ITEM_LIMIT: Final = 20
"""The most items of one order."""
QUANTITY_LIMIT: Final = 100
"""The most pieces of one item."""
COUPON_LIMIT: Final = 10
"""The most coupons that an order may offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A course and a quantity. With `activity_id` it is bought in that flash sale, at its price, from its stock."""

    course_id: int
    quantity: int
    activity_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    items: tuple[Item, ...]
    coupon_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, items: Iterable[Item], coupon_ids: Iterable[int]) -> Self:
        """Return the basket of a request. Raises the subclass of `Invalid` of the broken rule."""
        basket = cls(items=tuple(items), coupon_ids=tuple(coupon_ids))
        if not 1 <= len(basket.items) <= ITEM_LIMIT:
            raise ItemCountNotUsable(len(basket.items), ITEM_LIMIT)
        for item in basket.items:
            if not 1 <= item.quantity <= QUANTITY_LIMIT:
                raise QuantityNotUsable(item.course_id, item.quantity, QUANTITY_LIMIT)
        if len(basket.coupon_ids) > COUPON_LIMIT:
            raise CouponCountNotUsable(len(basket.coupon_ids), COUPON_LIMIT)
        _check_unique((item.course_id for item in basket.items), ItemOrderedTwice)
        _check_unique(basket.coupon_ids, CouponNamedTwice)
        return basket

    def fingerprint(self) -> str:
        """Return a hash of the content, 64 characters: equal for equal baskets only."""
        items = [(item.course_id, item.quantity, item.activity_id) for item in self.items]
        return sha256(repr((items, self.coupon_ids)).encode()).hexdigest()


def _check_unique(ids: Iterable[int], error: Callable[[int], Exception]) -> None:
    seen: set[int] = set()
    for each in ids:
        if each in seen:
            raise error(each)
        seen.add(each)
