"""A refund: money that the shop owes the buyer until the provider accepts the request to send it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Its id is also the idempotency key at the provider: sending it twice pays once."""

    id: int
    order_id: int
    payment_id: str
    cents: int
    owed_since: datetime
    attempts: int = 0
    sent_at: datetime | None = None

    def sent(self, now: datetime) -> Self:
        """Return the refund as accepted by the provider."""
        return replace(self, attempts=self.attempts + 1, sent_at=now)

    def tried(self) -> Self:
        """Return the refund after a failed attempt; it is retried after refunds with fewer attempts."""
        return replace(self, attempts=self.attempts + 1)
