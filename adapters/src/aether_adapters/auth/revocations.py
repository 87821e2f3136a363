"""Revocation of unexpired access tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Revokes tokens of `subject`, or only of `session` if set, issued at or before `before` (Unix time)."""

    subject: str
    session: str = ""
    before: float
