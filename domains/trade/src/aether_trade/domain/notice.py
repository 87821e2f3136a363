"""What the payment provider says, once its signature is proven."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """`succeeded` says that `amount_cents` came in for the order; other notices only tell how far the buyer got."""

    succeeded: bool
    payment_id: str
    order_id: int
    amount_cents: int
