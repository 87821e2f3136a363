"""Value objects and enums."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from aether_trade.domain.errors import PriceNotUsable, TitleNotUsable

TITLE_LIMIT_CHARACTERS: Final = 200

PRICE_LIMIT_CENTS: Final = 100_000_000
"""The highest price. It keeps the most expensive order far below 64 bits."""


class Status(Enum):
    """The state of an order."""

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
    """The title of a course."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the title without surrounding space. Raises `TitleNotUsable`.

        The constructor does not check this rule: a stored title must load even after the rule becomes stricter.
        """
        text = text.strip()
        if not 1 <= len(text) <= TITLE_LIMIT_CHARACTERS:
            raise TitleNotUsable(len(text), TITLE_LIMIT_CHARACTERS)
        return cls(text)


def price(cents: int) -> int:
    """Return the price in cents. Raises `PriceNotUsable` if it is not allowed."""
    if not 0 <= cents <= PRICE_LIMIT_CENTS:
        raise PriceNotUsable(cents, PRICE_LIMIT_CENTS)
    return cents
