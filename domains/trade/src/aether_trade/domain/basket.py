"""The basket: what somebody asks for, before it has a price."""

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
QUANTITY_LIMIT: Final = 100
COUPON_LIMIT: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Some of a course; with `activity_id` bought in that flash sale, at its price and from its stock."""

    course_id: int
    quantity: int
    activity_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    items: tuple[Item, ...]
    coupon_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, items: Iterable[Item], coupon_ids: Iterable[int]) -> Self:
        """What somebody asked for; raises the broken rule of kind `Invalid`."""
        basket = cls(items=tuple(items), coupon_ids=tuple(coupon_ids))
        if not 1 <= len(basket.items) <= ITEM_LIMIT:
            raise ItemCountNotUsable(len(basket.items), ITEM_LIMIT)
        for item in basket.items:
            if not 1 <= item.quantity <= QUANTITY_LIMIT:
                raise QuantityNotUsable(item.course_id, item.quantity, QUANTITY_LIMIT)
        if len(basket.coupon_ids) > COUPON_LIMIT:
            raise CouponCountNotUsable(len(basket.coupon_ids), COUPON_LIMIT)
        _once((item.course_id for item in basket.items), ItemOrderedTwice)
        _once(basket.coupon_ids, CouponNamedTwice)
        return basket

    def fingerprint(self) -> str:
        """The same for the same basket, and for no other: 64 characters."""
        items = [(item.course_id, item.quantity, item.activity_id) for item in self.items]
        return sha256(repr((items, self.coupon_ids)).encode()).hexdigest()


def _once(ids: Iterable[int], twice: Callable[[int], Exception]) -> None:
    seen: set[int] = set()
    for each in ids:
        if each in seen:
            raise twice(each)
        seen.add(each)
