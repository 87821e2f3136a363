"""Values: compared by what they hold, never changed."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from aether_trade.domain.errors import PriceNotUsable, TitleNotUsable

TITLE_LIMIT: Final = 200
"""The longest title, in characters."""

PRICE_LIMIT: Final = 100_000_000
"""The highest price, in cents. With it the dearest order is far below what 64 bits hold."""


class Status(Enum):
    """Where an order is on its way."""

    PENDING_PAYMENT = "pending payment"
    CLOSED = "closed"
    PAID = "paid"
    FINISHED = "finished"
    PARTLY_REFUNDED = "partly refunded"
    REFUNDED = "refunded"


class CloseReason(Enum):
    """Why an order ended without payment."""

    CANCELLED = "cancelled"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Title:
    """What a person calls it."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """The title a person wrote, without the space around it; raises `TitleNotUsable`.

        The rule stands here and not in the constructor, because a stored title must load even when the
        rule has become stricter since.
        """
        text = text.strip()
        if not 1 <= len(text) <= TITLE_LIMIT:
            raise TitleNotUsable(len(text), TITLE_LIMIT)
        return cls(text)


def price(cents: int) -> int:
    """A price a person may set, in cents; raises `PriceNotUsable`."""
    if not 0 <= cents <= PRICE_LIMIT:
        raise PriceNotUsable(cents, PRICE_LIMIT)
    return cents
