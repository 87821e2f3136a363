"""A revocation of access tokens that have not expired yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Tokens of `subject` issued at or before `before` (Unix seconds); only those of `session`, unless it is empty."""

    subject: str
    session: str = ""
    before: float
