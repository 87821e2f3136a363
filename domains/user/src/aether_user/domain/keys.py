"""The keys that sign access tokens: which one signs, which are published, and when one is removed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key on the curve P-256. `x` and `y` are its public half, in base64url; `number` counts keys from 1."""

    number: int
    kid: str
    x: str
    y: str
    private_pem: str = field(repr=False)
    signs_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The lifetimes of keys.

    A key signs for `term`. It is published `lead` before it signs, so that every verifier has it by then, and stays
    published `keep` after the next one signs, so that its last token can still be verified.
    """

    term: timedelta
    lead: timedelta
    keep: timedelta


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All published keys, oldest first."""

    keys: tuple[SigningKey, ...] = ()

    def signing(self, now: datetime) -> SigningKey | None:
        """Return the key that signs: the newest whose `signs_from` has passed, or None."""
        ready = [key for key in self.keys if key.signs_from <= now]
        return ready[-1] if ready else None

    def next_number(self) -> int:
        return self.keys[-1].number + 1 if self.keys else 1

    def next_signs_from(self, now: datetime, terms: Terms) -> datetime | None:
        """Return when a key created now would sign, or None if none is due. The first key signs at once."""
        if not self.keys:
            return now
        if now < self.keys[-1].signs_from + terms.term - terms.lead:
            return None
        return now + terms.lead

    def with_key(self, key: SigningKey) -> Self:
        return type(self)((*self.keys, key))

    def spent(self, now: datetime, terms: Terms) -> tuple[SigningKey, ...]:
        """Return the keys whose last token has expired."""
        pairs = zip(self.keys, self.keys[1:], strict=False)
        return tuple(key for key, successor in pairs if successor.signs_from + terms.keep <= now)
