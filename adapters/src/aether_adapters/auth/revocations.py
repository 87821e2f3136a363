"""Revocation of unexpired access tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Revokes tokens of `subject` issued at or before `before` (Unix seconds), or only those of `session` if set."""

    subject: str
    session: str = ""
    before: float
