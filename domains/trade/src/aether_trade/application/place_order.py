from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aether.trade.v1 import port, types
from aether_trade.application.place_order_saga import PlaceOrderSaga, on_sale
from aether_trade.application.ports import Ids, Refusals, Stopwatch, Transactions, UnitOfWork
from aether_trade.application.views import order_view
from aether_trade.domain.basket import Basket, Item
from aether_trade.domain.course import Course
from aether_trade.domain.errors import IdempotencyKeyNotUsable, KeyUsedForAnotherOrder, OrderBeingPlaced
from aether_trade.domain.order import Order

KEY_LIMIT_CHARACTERS: Final = 100
CLAIM_SECONDS: Final = 15.0
"""How long the claim of a key lasts: longer than the longest request."""
WAIT_SECONDS: Final = 2.5
"""How long a repeated request waits for the first: less than its own deadline, so that it can answer `OrderBeingPlaced`."""
PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(port.PlaceOrder):
    """Orders courses. Of many requests with one idempotency key, one places the order, and all return it.

    The request that claims the key places the order. The others wait for it, and raise `OrderBeingPlaced` if that
    takes too long. One transaction claims the key and reads the catalogue: if a course is not on sale, the key was
    never claimed. Another one stores the order and finishes the key, and fails if the claim has lapsed: so there is one
    order, however long a claimant is stopped. If placing fails in between, the key is released, and the same request
    may try again.

    What promotion refused to others a moment ago is refused before the key is claimed or anything is asked. One read
    comes before it: a key that is known leads to its order, or to its claimant, even when the sale is over.
    """

    saga: PlaceOrderSaga
    transactions: Transactions
    refusals: Refusals
    ids: Ids
    stopwatch: Stopwatch

    def __call__(self, request: types.PlaceOrderRequest, /) -> types.Order:
        buyer, key = request.caller.subject, request.idempotency_key
        if not 1 <= len(key) <= KEY_LIMIT_CHARACTERS:
            raise IdempotencyKeyNotUsable(len(key), KEY_LIMIT_CHARACTERS)
        basket = Basket.of(
            (
                Item(course_id=item.course_id, quantity=item.quantity, activity_id=item.activity_id)
                for item in request.items
            ),
            request.coupon_ids,
        )
        refusal = self.refusals.refusal(basket.items)
        if refusal is not None and not self._knows(buyer, key):
            raise refusal
        claimant = str(self.ids.next())
        found = self._claimed_or_placed(buyer, key, basket, claimant)
        if isinstance(found, Order):
            return order_view(found)
        return order_view(self._place(buyer, key, basket, found, claimant))

    def _knows(self, buyer: str, key: str) -> bool:
        return self.transactions.read(lambda unit: unit.keys.find(buyer, key)) is not None

    def _place(
        self, buyer: str, key: str, basket: Basket, courses: Mapping[int, Course], claimant: str
    ) -> Order:
        def keep(unit: UnitOfWork, order: Order) -> None:
            if not unit.keys.finish(buyer, key, claimant, str(order.id)):
                raise OrderBeingPlaced

        try:
            return self.saga(buyer, basket, courses, keep)
        except Exception:
            # This has no effect if the order was stored after all: the key is then finished.
            self.transactions.run(lambda unit: unit.keys.abandon(buyer, key, claimant))
            raise

    def _claimed_or_placed(
        self, buyer: str, key: str, basket: Basket, claimant: str
    ) -> Order | Mapping[int, Course]:
        """Claim the key. Return the courses of the basket once that succeeds, or the order placed with it earlier."""
        fingerprint = basket.fingerprint()

        def claim(unit: UnitOfWork) -> Mapping[int, Course] | None:
            if not unit.keys.claim(buyer, key, fingerprint, claimant, CLAIM_SECONDS):
                return None
            return on_sale(unit, basket)

        give_up = self.stopwatch.seconds() + WAIT_SECONDS
        while (courses := self.transactions.run(claim)) is None:
            while (known := self.transactions.read(lambda unit: unit.keys.find(buyer, key))) is not None:
                if known.fingerprint != fingerprint:
                    raise KeyUsedForAnotherOrder
                if known.result is not None:
                    return self._placed(int(known.result), buyer)
                if known.lapsed:
                    break
                if self.stopwatch.seconds() >= give_up:
                    raise OrderBeingPlaced
                self.stopwatch.sleep(PAUSE_SECONDS)
        return courses

    def _placed(self, order_id: int, buyer: str) -> Order:
        return self.transactions.read(lambda unit: unit.orders.get(order_id, buyer=buyer)).as_placed()
