"""Value objects, enums and limits.

`of` checks the rules and the constructor does not: a stored value must load even after a rule becomes stricter.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from string import digits, punctuation
from typing import Final, Self
from unicodedata import bidirectional, category, normalize

from aether_user.domain.errors import (
    DisplayNameNotUsable,
    EmailNotUsable,
    MobileNotUsable,
    PasswordNotUsable,
    RolesNotUsable,
    UsernameNotUsable,
)

USERNAME_LIMIT_CHARACTERS: Final = 32
MOBILE_LIMIT_CHARACTERS: Final = 16
EMAIL_LIMIT_CHARACTERS: Final = 254
"""The longest address: RFC 5321, section 4.5.3.1.3, less the angle brackets."""
DISPLAY_NAME_LIMIT_CHARACTERS: Final = 64
LOGIN_LIMIT_CHARACTERS: Final = 64
"""More than the longest username or mobile."""
PASSWORD_MIN_CHARACTERS: Final = 8
PASSWORD_MAX_CHARACTERS: Final = 128

_FEW_CHARACTERS: Final = 3
_DIGITS_AND_SIGNS: Final = digits + punctuation
_USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,31}")
_MOBILE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_INVISIBLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REORDERING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Bidirectional classes of controls that reorder the text around them, so that it reads as another."""


class Status(Enum):
    """Whether a user may act."""

    ACTIVE = "active"
    BANNED = "banned"


class Role(Enum):
    """A role of a user. Its value is its name in tokens."""

    CUSTOMER = "customer"
    OPERATOR = "operator"

    @classmethod
    def all_of(cls, names: tuple[str, ...]) -> frozenset["Role"]:
        """Return the roles with these names. Raises `RolesNotUsable`."""
        known = {role.value: role for role in cls}
        if not names or not known.keys() >= set(names):
            raise RolesNotUsable
        return frozenset(known[name] for name in names)


@dataclass(frozen=True, slots=True)
class Username:
    """A login name, case-insensitive."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the username. Raises `UsernameNotUsable`."""
        if not _USERNAME.fullmatch(text):
            raise UsernameNotUsable
        return cls(text)

    @property
    def folded(self) -> str:
        """The lower-case form, which is unique."""
        return self.text.lower()


@dataclass(frozen=True, slots=True)
class Mobile:
    """A telephone number in E.164, also a login name."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the number. Raises `MobileNotUsable`."""
        if not _MOBILE.fullmatch(text):
            raise MobileNotUsable
        return cls(text)


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail address."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the address. Raises `EmailNotUsable`."""
        if len(text) > EMAIL_LIMIT_CHARACTERS or not _EMAIL.fullmatch(text):
            raise EmailNotUsable
        return cls(text)


@dataclass(frozen=True, slots=True)
class DisplayName:
    """The name that others see; any visible characters, including emoji."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the name without surrounding space. Raises `DisplayNameNotUsable`."""
        text = text.strip()
        if len(text) > DISPLAY_NAME_LIMIT_CHARACTERS:  # first, because looking at each character takes time
            raise DisplayNameNotUsable(len(text), DISPLAY_NAME_LIMIT_CHARACTERS)
        has_visible = any(category(letter)[0] not in "CZM" for letter in text)
        has_invisible = any(
            category(letter) in _INVISIBLE or bidirectional(letter) in _REORDERING for letter in text
        )
        if not has_visible or has_invisible:
            raise DisplayNameNotUsable(len(text), DISPLAY_NAME_LIMIT_CHARACTERS)
        return cls(text)


@dataclass(frozen=True, slots=True)
class Password:
    """A password before it is hashed; it is never stored and never printed."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Return a new password. Raises `PasswordNotUsable`."""
        if not PASSWORD_MIN_CHARACTERS <= len(text) <= PASSWORD_MAX_CHARACTERS:
            raise PasswordNotUsable(len(text), PASSWORD_MIN_CHARACTERS, PASSWORD_MAX_CHARACTERS)
        return cls(text)

    @classmethod
    def typed(cls, text: str) -> Self:
        """Return what somebody typed as their password. Raises `PasswordNotUsable` if no password is that long.

        Without this limit `normal` would take quadratic time for a long text of combining marks.
        """
        if len(text) > PASSWORD_MAX_CHARACTERS:
            raise PasswordNotUsable(len(text), PASSWORD_MIN_CHARACTERS, PASSWORD_MAX_CHARACTERS)
        return cls(text)

    @property
    def stems(self) -> frozenset[str]:
        """What attackers make it of: itself in lower case, and that without the digits and signs at its end."""
        lower = self.text.lower()
        return frozenset({lower, lower.rstrip(_DIGITS_AND_SIGNS)})

    @property
    def is_monotonous(self) -> bool:
        """Whether it repeats up to three characters, or each follows the one before, as in 87654321."""
        steps = {ord(after) - ord(before) for before, after in pairwise(self.text.lower())}
        return len(set(self.text.lower())) <= _FEW_CHARACTERS or steps <= {1} or steps <= {-1}

    @property
    def normal(self) -> bytes:
        """The password in Unicode NFC, so that every keyboard gives the same bytes (RFC 8265, section 4.2)."""
        return normalize("NFC", self.text).encode()
