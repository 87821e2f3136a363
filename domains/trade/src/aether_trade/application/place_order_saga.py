"""The saga of placing an order: every step can be repeated, and what went before it can be taken back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aether_trade.application.ports import Clock, Ids, Promotions, Refused, Transactions, UnitOfWork
from aether_trade.domain.basket import Basket
from aether_trade.domain.course import Course
from aether_trade.domain.errors import Conflict, CourseNotOnSale, PlacingTookTooLong
from aether_trade.domain.order import Order
from aether_trade.domain.quote import lines


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrderSaga:
    """Prices a basket, holds what it needs, and stores the order.

    Where a step fails, what is held is given back at once. Where nobody knows whether the order was stored, and where
    this process dies, nothing is: promotion asks for the order once the time is over, and decides by the answer.
    Stock and coupons are held for `grace` longer than the order may be paid: a payment's event needs time to arrive.
    """

    transactions: Transactions
    promotions: Promotions
    clock: Clock
    ids: Ids
    payment_time: timedelta
    grace: timedelta

    def __call__(self, buyer: str, basket: Basket, keep: Callable[[UnitOfWork, Order], None], /) -> Order:
        """The order, stored; `keep` does what belongs into the same transaction, and may refuse it."""
        order = self._priced(buyer, basket)
        self._hold(order, basket)

        def store(unit: UnitOfWork) -> Order:
            # By then others may have what was held for it.
            if self.clock.now() >= order.deadline:
                raise PlacingTookTooLong(order.deadline)
            stored = unit.orders.add(order)
            keep(unit, stored)
            return stored

        try:
            return self.transactions.run(store)
        except Conflict:
            # A rule refused it, so it is not stored. After any other failure it may be.
            self.promotions.release(order.id)
            raise

    def _priced(self, buyer: str, basket: Basket) -> Order:
        courses = self.transactions.read(lambda unit: _on_sale(unit, basket))
        priced = [(item, courses[item.course_id].price_cents) for item in basket.items]
        quote = self.promotions.quote(buyer, priced, basket.coupon_ids)
        now = self.clock.now()
        return Order.place(
            self.ids.next(),
            buyer=buyer,
            lines=lines(basket.items, courses, quote),
            coupon_ids=quote.coupon_ids,
            deadline=now + self.payment_time,
            now=now,
        )

    def _hold(self, order: Order, basket: Basket) -> None:
        """All that the order needs, or nothing: most who come to a sale come too late, and hold nothing to release."""
        until, holds = order.deadline + self.grace, False
        try:
            for item in basket.items:
                if item.activity_id is not None:
                    self.promotions.reserve(order.id, order.buyer, item, until=until)
                    holds = True
            if order.coupon_ids:
                self.promotions.lock_coupons(order.id, order.buyer, order.coupon_ids, until=until)
        except Refused:
            if holds:
                self.promotions.release(order.id)
            raise
        except Exception:
            # The step may have had its effect, though its answer did not arrive.
            self.promotions.release(order.id)
            raise


def _on_sale(unit: UnitOfWork, basket: Basket) -> dict[int, Course]:
    """The courses of the basket, by id; raises `CourseNotFound` or `CourseNotOnSale`."""
    found = {item.course_id: unit.courses.get(item.course_id) for item in basket.items}
    for course in found.values():
        if not course.on_sale:
            raise CourseNotOnSale(course.id)
    return found
