"""A refund: money the shop owes the buyer, until the provider has taken the order to send it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Its id is also the provider's idempotency key, so that asking twice pays once."""

    id: int
    order_id: int
    payment_id: str
    cents: int
    owed_since: datetime
    attempts: int = 0
    sent_at: datetime | None = None

    def sent(self, now: datetime) -> Self:
        """The same, taken by the provider."""
        return replace(self, attempts=self.attempts + 1, sent_at=now)

    def tried(self) -> Self:
        """The same after an attempt in vain; it comes after those that were tried less often."""
        return replace(self, attempts=self.attempts + 1)
