"""A line of an order: a snapshot of what was bought, at which price, and how much of it went back."""

from dataclasses import dataclass, replace
from typing import Self

from aether_trade.domain.allocation import of_some
from aether_trade.domain.errors import RefundTooLarge
from aether_trade.domain.values import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`price_cents` is that of one piece before discounts; `discount_cents` that of the whole line.

    `number` counts from 1 in its order.
    """

    number: int
    course_id: int
    title: Title
    quantity: int
    price_cents: int
    discount_cents: int = 0
    activity_id: int | None = None
    refunded_quantity: int = 0

    @property
    def total_cents(self) -> int:
        """Before discounts."""
        return self.price_cents * self.quantity

    @property
    def payable_cents(self) -> int:
        return self.total_cents - self.discount_cents

    @property
    def left(self) -> int:
        """How many pieces were not refunded."""
        return self.quantity - self.refunded_quantity

    @property
    def refunded_cents(self) -> int:
        """What went back, to the cent: when the last piece has gone back, all of it."""
        return of_some(self.payable_cents, self.quantity, after=0, count=self.refunded_quantity)

    def refund(self, quantity: int) -> Self:
        """The same with so many more pieces refunded; raises `RefundTooLarge`."""
        if not 1 <= quantity <= self.left:
            raise RefundTooLarge(self.number, quantity, self.left)
        return replace(self, refunded_quantity=self.refunded_quantity + quantity)
