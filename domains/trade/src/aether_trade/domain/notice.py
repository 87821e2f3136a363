"""A notice of the payment provider, after its signature was verified."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """`succeeded` means that `amount_cents` were paid for the order; other notices only report progress."""

    succeeded: bool
    payment_id: str
    order_id: int
    amount_cents: int
