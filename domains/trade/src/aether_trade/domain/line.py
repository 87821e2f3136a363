"""A line of an order: a snapshot of what was bought, its price, and how much of it was refunded."""

from dataclasses import dataclass, replace
from typing import Self

from aether_trade.domain.allocation import of_some
from aether_trade.domain.errors import RefundTooLarge
from aether_trade.domain.values import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`price_cents` is for one piece, before discounts; `discount_cents` for the whole line.

    `number` counts from 1 in each order.
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
        """The pieces that are not refunded."""
        return self.quantity - self.refunded_quantity

    @property
    def refunded_cents(self) -> int:
        """The refunded amount, to the cent; the whole amount once every piece is refunded."""
        return of_some(self.payable_cents, self.quantity, after=0, count=self.refunded_quantity)

    def refund(self, quantity: int) -> Self:
        """Return the line with `quantity` more pieces refunded. Raises `RefundTooLarge`."""
        if not 1 <= quantity <= self.left:
            raise RefundTooLarge(self.number, quantity, self.left)
        return replace(self, refunded_quantity=self.refunded_quantity + quantity)
