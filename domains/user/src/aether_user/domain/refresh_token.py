"""Refresh tokens: random, kept as digests only, and telling a forger from a thief.

A token is the handle of its session and a secret. The handle is as random as the secret and stands nowhere but in the
session's own tokens; so whoever presents it with another secret than the present one holds a token that was used
before, and no list of used ones has to be kept.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final, Self

_BYTES: Final = 24
"""192 bits each: 32 characters in base64url."""
_FORM: Final = re.compile(r"([A-Za-z0-9_-]{32})\.([A-Za-z0-9_-]{32})")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    handle: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def first(cls) -> Self:
        """The first of a new session."""
        return cls(token_urlsafe(_BYTES), token_urlsafe(_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The token a caller sent; None for what never was one."""
        found = _FORM.fullmatch(text)
        return cls(found[1], found[2]) if found else None

    def next(self) -> Self:
        """The one that takes its place in the same session."""
        return type(self)(self.handle, token_urlsafe(_BYTES))

    @property
    def text(self) -> str:
        """What the caller gets."""
        return f"{self.handle}.{self.secret}"

    @property
    def handle_digest(self) -> str:
        """What the session is found by."""
        return sha256(self.handle.encode()).hexdigest()

    @property
    def secret_digest(self) -> str:
        """What tells whether it is the present one. Random bits need no slow hash."""
        return sha256(self.secret.encode()).hexdigest()
