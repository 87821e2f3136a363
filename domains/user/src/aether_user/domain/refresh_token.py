"""Refresh tokens: random, stored only as digests, and able to distinguish a reused token from a made-up one.

A token consists of its session's handle and a secret. The handle is as random as the secret and appears only in the
session's own tokens. So a known handle with another than the current secret is a token that was used before; no list
of used tokens is needed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Self

_RANDOM_BYTES: Final = 24
"""192 bits each: 32 characters in base64url."""
_PATTERN: Final = re.compile(r"([A-Za-z0-9_-]{32})\.([A-Za-z0-9_-]{32})")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    handle: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def first(cls, random: Callable[[int], str]) -> Self:
        """Return the first token of a new session. `random` returns so many random bytes in base64url."""
        return cls(random(_RANDOM_BYTES), random(_RANDOM_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the token in the text, or None if it does not have the form of one."""
        found = _PATTERN.fullmatch(text)
        return cls(found[1], found[2]) if found else None

    def next(self, random: Callable[[int], str]) -> Self:
        """Return the token that replaces this one in the same session."""
        return type(self)(self.handle, random(_RANDOM_BYTES))

    @property
    def text(self) -> str:
        """The token as the client gets it."""
        return f"{self.handle}.{self.secret}"

    @property
    def handle_digest(self) -> str:
        """The digest that finds the session."""
        return sha256(self.handle.encode()).hexdigest()

    @property
    def secret_digest(self) -> str:
        """The digest that tells whether the token is current. Random bits need no slow hash."""
        return sha256(self.secret.encode()).hexdigest()
