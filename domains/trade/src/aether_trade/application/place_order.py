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

KEY_LIMIT: Final = 100
CLAIM_SECONDS: Final = 15.0
"""How long a claimed key is left to who claimed it: longer than a request may last."""
WAIT_SECONDS: Final = 2.5
"""How long a repetition waits for who claimed its key: less than a request may last, so that it is told and not left hanging."""
PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(port.PlaceOrder):
    """Orders courses. Of many requests with one key, one places the order, and all are answered with it.

    Whoever claims the key places it; the others wait for that, and are told to come back where it takes long. The key
    is kept with the order in one transaction, which fails where the claim has lapsed: so there is one order, though a
    claimant may be stopped for as long as it likes.
    Where placing fails the key is free again, and the same request may try anew.
    """

    saga: PlaceOrderSaga
    transactions: Transactions

    def __call__(self, request: types.PlaceOrderRequest, /) -> types.Order:
        buyer, key = request.caller.subject, request.idempotency_key
        if not 1 <= len(key) <= KEY_LIMIT:
            raise IdempotencyKeyNotUsable(len(key), KEY_LIMIT)
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
            # Nothing happens where the order was stored after all: the key is finished then.
            self.transactions.run(lambda unit: unit.keys.abandon(buyer, key, claimant))
            raise

    def _claimed_or_placed(self, buyer: str, key: str, fingerprint: str, claimant: str) -> Order | None:
        """None once the key is ours; the order as it was placed, where it was before."""

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
