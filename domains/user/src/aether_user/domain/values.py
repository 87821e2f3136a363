"""Values: compared by what they hold, never changed.

A rule stands in `of` and not in the constructor, because a stored value must load even when the rule has become
stricter since.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Self
from unicodedata import category, normalize

from aether_user.domain.errors import (
    DisplayNameNotUsable,
    EmailNotUsable,
    MobileNotUsable,
    PasswordNotUsable,
    RolesNotUsable,
    UsernameNotUsable,
)

USERNAME_LIMIT: Final = 32
MOBILE_LIMIT: Final = 16
EMAIL_LIMIT: Final = 254
"""Characters an address can have (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""
DISPLAY_NAME_LIMIT: Final = 64
PASSWORD_LEAST: Final = 8
PASSWORD_MOST: Final = 128

_USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,31}")
_MOBILE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_UNSEEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Status(Enum):
    """Whether a user may act."""

    ACTIVE = "active"
    BANNED = "banned"


class Role(Enum):
    """What a user may do; the value is what tokens call it."""

    CUSTOMER = "customer"
    OPERATOR = "operator"

    @classmethod
    def all_of(cls, names: tuple[str, ...]) -> frozenset["Role"]:
        """The roles of these names; raises `RolesNotUsable`."""
        known = {role.value: role for role in cls}
        if not names or not known.keys() >= set(names):
            raise RolesNotUsable(names)
        return frozenset(known[name] for name in names)


@dataclass(frozen=True, slots=True)
class Username:
    """A name to sign in with; upper and lower case are the same."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises `UsernameNotUsable`."""
        if not _USERNAME.fullmatch(text):
            raise UsernameNotUsable(text)
        return cls(text)

    @property
    def folded(self) -> str:
        """What is unique."""
        return self.text.lower()


@dataclass(frozen=True, slots=True)
class Mobile:
    """A telephone number in E.164; the other name to sign in with."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises `MobileNotUsable`."""
        if not _MOBILE.fullmatch(text):
            raise MobileNotUsable(text)
        return cls(text)


@dataclass(frozen=True, slots=True)
class Email:
    """Where mail goes."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises `EmailNotUsable`."""
        if len(text) > EMAIL_LIMIT or not _EMAIL.fullmatch(text):
            raise EmailNotUsable(text)
        return cls(text)


@dataclass(frozen=True, slots=True)
class DisplayName:
    """What others read; any characters that can be seen, emoji too."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """The name without the space around it; raises `DisplayNameNotUsable`."""
        text = text.strip()
        seen = any(category(letter)[0] not in "CZM" for letter in text)
        unseen = any(category(letter) in _UNSEEN for letter in text)
        if not seen or unseen or len(text) > DISPLAY_NAME_LIMIT:
            raise DisplayNameNotUsable(len(text), DISPLAY_NAME_LIMIT)
        return cls(text)


@dataclass(frozen=True, slots=True)
class Password:
    """A secret on its way to be hashed; it is never stored and never printed."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """A new password; raises `PasswordNotUsable`."""
        if not PASSWORD_LEAST <= len(text) <= PASSWORD_MOST:
            raise PasswordNotUsable(len(text), PASSWORD_LEAST, PASSWORD_MOST)
        return cls(text)

    @property
    def normal(self) -> bytes:
        """The same bytes for the same letters, whichever keyboard wrote them (RFC 8265, section 4.2)."""
        return normalize("NFC", self.text).encode()
