"""Value objects and enums."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Self
from unicodedata import bidirectional, category

from aether_trade.domain.errors import PriceNotUsable, TitleNotReadable, TitleNotUsable

TITLE_LIMIT_CHARACTERS: Final = 200
_SHAPELESS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of controls, lone surrogates and line ends."""
_REORDERING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Bidirectional classes of controls that reorder the text around them, so that it reads as another."""
_SPECIAL_PLANE: Final = range(0xE0000, 0xE1000)
"""Characters without a glyph; those that are not assigned are invisible everywhere."""

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
        """Return the title without surrounding space. Raises `TitleNotUsable`, `TitleNotReadable`.

        The constructor does not check this rule: a stored title must load even after the rule becomes stricter.
        """
        text = text.strip()
        if not 1 <= len(text) <= TITLE_LIMIT_CHARACTERS:
            raise TitleNotUsable(len(text), TITLE_LIMIT_CHARACTERS)
        for character in text:
            if _is_unreadable(character):
                raise TitleNotReadable(f"U+{ord(character):04X}")
        return cls(text)


def _is_unreadable(character: str) -> bool:
    """Whether nobody can see the character, or it changes how others are seen."""
    kind = category(character)
    return (
        kind in _SHAPELESS
        or bidirectional(character) in _REORDERING
        or (kind == "Cn" and ord(character) in _SPECIAL_PLANE)
    )


def price(cents: int) -> int:
    """Return the price in cents. Raises `PriceNotUsable` if it is not allowed."""
    if not 0 <= cents <= PRICE_LIMIT_CENTS:
        raise PriceNotUsable(cents, PRICE_LIMIT_CENTS)
    return cents
