"""Points: what a user earns by paying, order by order."""

from dataclasses import dataclass, replace
from typing import Final, Self

CENTS_A_POINT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPoints:
    """What one order is worth. Payment and refunds may come in any order; the points are the same in the end."""

    order_id: int
    user_id: int
    paid_cents: int = 0
    refunded_cents: int = 0

    @property
    def points(self) -> int:
        """One for each whole 100 cents that were paid and not refunded."""
        return max(0, self.paid_cents - self.refunded_cents) // CENTS_A_POINT

    def paid(self, cents: int) -> Self:
        """After its payment; an order is paid once, however often that is told."""
        return replace(self, paid_cents=cents)

    def refunded(self, cents: int) -> Self:
        """After one more refund."""
        return replace(self, refunded_cents=self.refunded_cents + cents)
