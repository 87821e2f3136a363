"""The saga of placing an order: every step is idempotent, and the steps before it can be compensated."""

from collections.abc import Callable, Mapping
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
    """Prices a basket, reserves stock and coupons, and stores the order.

    If a step fails, they are released at once. They are kept if this process dies, or if it is unknown whether the
    order was stored: once the reservation has expired, promotion asks for the order's state and decides by it.
    They are held for `grace` longer than the order may be paid, because a payment's event needs time to arrive.
    """

    transactions: Transactions
    promotions: Promotions
    clock: Clock
    ids: Ids
    payment_time: timedelta
    grace: timedelta

    def __call__(
        self,
        buyer: str,
        basket: Basket,
        courses: Mapping[int, Course],
        keep: Callable[[UnitOfWork, Order], None],
        /,
    ) -> Order:
        """Place and store the order. `courses` are those of the basket, as `on_sale` returns them.

        `keep` runs in the transaction that stores the order, and may refuse it by raising `Conflict`.
        """
        order = self._price(buyer, basket, courses)
        self._hold(order, basket)

        def store(unit: UnitOfWork) -> Order:
            # After the deadline its stock and coupons may be released to others.
            if self.clock.now() >= order.deadline:
                raise PlacingTookTooLong(order.deadline)
            stored = unit.orders.add(order)
            keep(unit, stored)
            return stored

        try:
            return self.transactions.run(store)
        except Conflict:
            # A rule refused the order, so it is not stored. After any other error it may be.
            self.promotions.release(order.id)
            raise

    def _price(self, buyer: str, basket: Basket, courses: Mapping[int, Course]) -> Order:
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
        """Reserve all that the order needs, or nothing.

        In a sale most buyers come too late: they have reserved nothing, so there is nothing to release.
        """
        until, reserved = order.deadline + self.grace, False
        try:
            for item in basket.items:
                if item.activity_id is not None:
                    self.promotions.reserve(order.id, order.buyer, item, until=until)
                    reserved = True
            if order.coupon_ids:
                self.promotions.lock_coupons(order.id, order.buyer, order.coupon_ids, until=until)
        except Refused:
            if reserved:
                self.promotions.release(order.id)
            raise
        except Exception:
            # The step may have succeeded although its answer was lost.
            self.promotions.release(order.id)
            raise


def on_sale(unit: UnitOfWork, basket: Basket) -> dict[int, Course]:
    """Return the courses of the basket, by id. Raises `CourseNotFound` or `CourseNotOnSale`."""
    found = {item.course_id: unit.courses.get(item.course_id) for item in basket.items}
    for course in found.values():
        if not course.on_sale:
            raise CourseNotOnSale(course.id)
    return found
