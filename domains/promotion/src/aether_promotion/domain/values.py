"""Value objects, enums and limits. Money is in cents."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, Self
from unicodedata import bidirectional, category

from aether_promotion.domain.errors import AmountNotUsable, TitleNotReadable, TitleNotUsable, WindowNotUsable

TITLE_LIMIT_CHARACTERS: Final = 200
_SHAPELESS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of controls, lone surrogates and line ends."""
_REORDERING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Bidirectional classes of controls that reorder the text around them, so that it reads as another."""
_SPECIAL_PLANE: Final = range(0xE0000, 0xE1000)
"""Characters without a glyph; those that are not assigned are invisible everywhere."""
MAX_CENTS: Final = 999_999_999
"""The largest amount, in cents: sums of thousands of them stay far below 2**63."""
MAX_PIECES: Final = 9_999_999
"""The largest quota, and the largest stock."""
MAX_COUPONS_PER_USER: Final = 20
"""The most coupons of one template that a user may claim, and the most that an order may offer."""


class TemplateStatus(Enum):
    """The state of a template."""

    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class CouponStatus(Enum):
    """The state of a coupon."""

    UNUSED = "unused"
    LOCKED = "locked"
    USED = "used"
    EXPIRED = "expired"


class ReservationStatus(Enum):
    """The state of a reservation."""

    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Title:
    """The title of a template or a sale."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountOff:
    """Takes a fixed amount off."""

    amount_cents: int

    @classmethod
    def of(cls, amount_cents: int) -> Self:
        """Return the benefit. Raises `AmountNotUsable`."""
        return cls(amount_cents=within("amountCents", amount_cents, 1, MAX_CENTS))

    def off(self, total_cents: int) -> int:
        """Return the discount on `total_cents`, at most all of it."""
        return min(self.amount_cents, total_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentOff:
    """Takes a percentage off, rounded down to the cent, up to a cap."""

    percent: int
    cap_cents: int

    @classmethod
    def of(cls, percent: int, cap_cents: int) -> Self:
        """Return the benefit. Raises `AmountNotUsable`."""
        return cls(
            percent=within("percent", percent, 1, 100),
            cap_cents=within("capCents", cap_cents, 1, MAX_CENTS),
        )

    def off(self, total_cents: int) -> int:
        """Return the discount on `total_cents`, at most all of it."""
        return min(total_cents * self.percent // 100, self.cap_cents)


Benefit = AmountOff | PercentOff


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponTerms:
    """The terms of a coupon. A claimed coupon keeps them, whatever happens to its template."""

    title: Title
    benefit: Benefit
    threshold_cents: int
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a template: those of its coupons, the quota, the limit for each customer, the start of claims."""

    coupon: CouponTerms
    quota: int
    limit_per_user: int
    claims_from: datetime

    @classmethod
    def of(cls, coupon: CouponTerms, *, quota: int, limit_per_user: int, claims_from: datetime) -> Self:
        """Return the terms. Raises `AmountNotUsable`, `WindowNotUsable`."""
        within("thresholdCents", coupon.threshold_cents, 0, MAX_CENTS)
        within("quota", quota, 1, MAX_PIECES)
        within("limitPerUser", limit_per_user, 1, MAX_COUPONS_PER_USER)
        before("validFrom", coupon.valid_from, coupon.valid_until)
        before("claimsFrom", claims_from, coupon.valid_until)
        return cls(coupon=coupon, quota=quota, limit_per_user=limit_per_user, claims_from=claims_from)


def within(field: str, value: int, least: int, most: int) -> int:
    """Return the value. Raises `AmountNotUsable` if it is outside the bounds."""
    if not least <= value <= most:
        raise AmountNotUsable(field, value, least, most)
    return value


def before(field: str, start: datetime, end: datetime) -> None:
    """Raise `WindowNotUsable` if the window ends before it starts."""
    if start >= end:
        raise WindowNotUsable(field, start, end)
