"""Promotion and the payment provider in memory, as a test controls them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import Problem
from aether_adapters.kernel.protojson import json_name

from aether_trade.adapters.payment import SignedNotices
from aether_trade.adapters.promotion import RefusedByPromotion
from aether_trade.application.ports import OpenPayment
from aether_trade.domain.allocation import allocate
from aether_trade.domain.basket import Item
from aether_trade.domain.notice import Notice
from aether_trade.domain.quote import Quote, QuotedItem
from aether_trade.domain.refund import Refund


class MemoryPromotions:
    """Flash sales with a price and a stock, by their ids; coupons with a value in cents, by owner and id.

    `held` and `locked` are what orders hold: seats by order and activity, coupons by order. `trouble` is raised by the
    step of that name, after it had its effect: as where its answer is lost.
    """

    def __init__(self) -> None:
        self.prices: dict[int, int] = {}
        self.stock: dict[int, int] = {}
        self.coupons: dict[tuple[str, int], int] = {}
        self.held: dict[tuple[int, int], tuple[str, int, datetime]] = {}
        self.locked: dict[int, tuple[tuple[int, ...], datetime]] = {}
        self.trouble: dict[str, Exception] = {}
        self.asked: dict[str, int] = defaultdict(int)

    def quote(self, buyer: str, items: Sequence[tuple[Item, int]], coupon_ids: Sequence[int], /) -> Quote:
        self._step("quote")
        unit_prices = [
            price if item.activity_id is None else self._price(item.activity_id) for item, price in items
        ]
        totals = [price * item.quantity for price, (item, _) in zip(unit_prices, items, strict=True)]
        off = min(sum(totals), sum(self._coupon(buyer, coupon) for coupon in coupon_ids))
        shares = allocate(off, totals)
        return Quote(
            items=tuple(
                QuotedItem(
                    course_id=item.course_id,
                    quantity=item.quantity,
                    price_cents=price,
                    discount_cents=share,
                    payable_cents=total - share,
                )
                for (item, _), price, total, share in zip(items, unit_prices, totals, shares, strict=True)
            ),
            payable_cents=sum(totals) - off,
            coupon_ids=tuple(coupon_ids),
        )

    def reserve(self, order_id: int, buyer: str, item: Item, /, *, until: datetime) -> None:
        if item.activity_id is None:
            raise ValueError(f"course {item.course_id} is bought in no flash sale")
        if (order_id, item.activity_id) not in self.held:
            if self.stock[item.activity_id] < item.quantity:
                raise refused("stock-gone", activity_id=str(item.activity_id))
            self.stock[item.activity_id] -= item.quantity
            self.held[order_id, item.activity_id] = (buyer, item.quantity, until)
        self._step("reserve")

    def lock_coupons(
        self, order_id: int, buyer: str, coupon_ids: Sequence[int], /, *, until: datetime
    ) -> None:
        for coupon in coupon_ids:
            self._coupon(buyer, coupon)
        for other, (coupons, _) in self.locked.items():
            if other != order_id and set(coupons) & set(coupon_ids):
                raise refused("coupon-not-unused", coupon_ids=[str(each) for each in coupons])
        self.locked[order_id] = (tuple(coupon_ids), until)
        self._step("lock_coupons")

    def release(self, order_id: int, /) -> None:
        self.asked["release"] += 1
        for held in [each for each in self.held if each[0] == order_id]:
            _, quantity, _ = self.held.pop(held)
            self.stock[held[1]] += quantity
        self.locked.pop(order_id, None)

    def _step(self, name: str) -> None:
        self.asked[name] += 1
        if name in self.trouble:
            raise self.trouble[name]

    def _price(self, activity_id: int) -> int:
        if activity_id not in self.prices:
            raise refused("activity-not-found", activity_id=str(activity_id))
        return self.prices[activity_id]

    def _coupon(self, buyer: str, coupon_id: int) -> int:
        if (buyer, coupon_id) not in self.coupons:
            raise refused("coupon-not-found", coupon_id=str(coupon_id))
        return self.coupons[buyer, coupon_id]


def refused(rule: str, **values: object) -> RefusedByPromotion:
    """Return the error that promotion's client raises when promotion refuses by this rule."""
    kind = Kind.NOT_FOUND if rule.endswith("not-found") else Kind.CONFLICT
    shown = {json_name(name): value for name, value in values.items()}
    return RefusedByPromotion(
        Problem(kind=kind, type=f"/problems/promotion/{rule}", title=rule, detail=rule, values=shown)
    )


class MemoryPayments:
    """A provider that is available unless `away` is set; `refunded` maps refund ids to cents."""

    SECRET = "a secret of tests"

    def __init__(self) -> None:
        self.opened: dict[int, int] = {}
        self.refunded: dict[int, int] = {}
        self.away = False
        self._notices = SignedNotices([self.SECRET])

    def open(self, order_id: int, cents: int, /) -> OpenPayment:
        self.opened.setdefault(order_id, cents)
        return OpenPayment(payment_id=f"pay_{order_id}", url=f"https://pay.example/pay_{order_id}")

    def refund(self, refund: Refund, /) -> bool:
        if not self.away:
            self.refunded.setdefault(refund.id, refund.cents)
        return not self.away

    def read(self, payload: bytes, signature: str, /) -> Notice:
        return self._notices.read(payload, signature)
