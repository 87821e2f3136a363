"""Resetting a forgotten password: a request, and the token that is sent for it and stored only as a digest."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Self

_RANDOM_BYTES: Final = 32
"""256 bits: 43 characters in base64url."""
_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class ResetToken:
    """Proves that its bearer reads the mail of the user it was sent to."""

    text: str = field(repr=False)

    @classmethod
    def new(cls, random: Callable[[int], str]) -> Self:
        """Return a new token. `random` returns so many random bytes in base64url."""
        return cls(random(_RANDOM_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the token in the text, or None if it does not have the form of one."""
        return cls(text) if _PATTERN.fullmatch(text) else None

    @property
    def digest(self) -> str:
        """The digest that finds the reset. Random bits need no slow hash."""
        return sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordReset:
    """The right to set a user's password once, with the token of this digest, before it expires."""

    digest: str = field(repr=False)
    user_id: int
    expires_at: datetime

    @classmethod
    def open(cls, token: ResetToken, *, user_id: int, now: datetime, life: timedelta) -> Self:
        """Return the reset that `token` is good for."""
        return cls(digest=token.digest, user_id=user_id, expires_at=now + life)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRequest:
    """Somebody who gave this login name wants to reset its password; it is handled once `due_at` has come.

    It is stored whether the name exists or not, so that the answer takes the same time.
    """

    id: int
    login: str = field(repr=False)
    requested_at: datetime
    due_at: datetime
