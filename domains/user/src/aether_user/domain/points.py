"""Points: what a user earns with each paid order."""

from dataclasses import dataclass, replace
from typing import Final, Self

CENTS_PER_POINT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPoints:
    """The points of one order. The sequence in which payment and refunds arrive does not matter."""

    order_id: int
    user_id: int
    paid_cents: int = 0
    refunded_cents: int = 0

    @property
    def points(self) -> int:
        """One for each whole 100 cents that were paid and not refunded."""
        return max(0, self.paid_cents - self.refunded_cents) // CENTS_PER_POINT

    def paid(self, cents: int) -> Self:
        """Return the entry after the payment. An order is paid once, so repeating it changes nothing."""
        return replace(self, paid_cents=cents)

    def refunded(self, cents: int) -> Self:
        """Return the entry after one more refund."""
        return replace(self, refunded_cents=self.refunded_cents + cents)
