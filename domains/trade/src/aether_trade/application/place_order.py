import time
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from aether.trade.v1 import port, types
from aether_trade.application.place_order_saga import PlaceOrderSaga
from aether_trade.application.ports import Transactions, UnitOfWork
from aether_trade.application.views import order_view
from aether_trade.domain.basket import Basket, Item
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
    takes too long. One transaction stores the order and finishes the key, and fails if the claim has lapsed: so there
    is one order, however long a claimant is stopped.
    If placing fails the key is released, and the same request may try again.
    """

    saga: PlaceOrderSaga
    transactions: Transactions

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
        claimant = uuid4().hex
        placed = self._claimed_or_placed(buyer, key, basket.fingerprint(), claimant)
        return order_view(placed or self._place(buyer, key, basket, claimant))

    def _place(self, buyer: str, key: str, basket: Basket, claimant: str) -> Order:
        def keep(unit: UnitOfWork, order: Order) -> None:
            if not unit.keys.finish(buyer, key, claimant, str(order.id)):
                raise OrderBeingPlaced(key)

        try:
            return self.saga(buyer, basket, keep)
        except Exception:
            # This has no effect if the order was stored after all: the key is then finished.
            self.transactions.run(lambda unit: unit.keys.abandon(buyer, key, claimant))
            raise

    def _claimed_or_placed(self, buyer: str, key: str, fingerprint: str, claimant: str) -> Order | None:
        """Claim the key. Return the order that was placed with it earlier, or None once the claim succeeds."""

        def claim(unit: UnitOfWork) -> bool:
            return unit.keys.claim(buyer, key, fingerprint, claimant, CLAIM_SECONDS)

        give_up = time.monotonic() + WAIT_SECONDS
        while not self.transactions.run(claim):
            while (known := self.transactions.read(lambda unit: unit.keys.find(buyer, key))) is not None:
                if known.fingerprint != fingerprint:
                    raise KeyUsedForAnotherOrder(key)
                if known.result is not None:
                    return self._placed(int(known.result), buyer)
                if known.lapsed:
                    break
                if time.monotonic() >= give_up:
                    raise OrderBeingPlaced(key)
                time.sleep(PAUSE_SECONDS)
        return None

    def _placed(self, order_id: int, buyer: str) -> Order:
        return self.transactions.read(lambda unit: unit.orders.get(order_id, buyer=buyer)).as_placed()
