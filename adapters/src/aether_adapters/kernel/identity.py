"""The caller's identity: access levels, verified tokens, authorisation."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aether_adapters.kernel.errors import Forbidden


class Access(Enum):
    """Who may call an operation."""

    CALLER = "caller"
    """Anyone with a valid token; the request carries the verified caller."""
    PUBLIC = "public"
    """Anyone, with or without a token."""
    SERVICE = "service"
    """Only other services, with their own token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A verified caller. `expires_at` is in seconds since the Unix epoch."""

    subject: str
    roles: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    session: str = ""
    service: bool = False
    expires_at: float = 0.0


ANONYMOUS: Final = Identity(subject="")
"""The caller of a public operation."""


def authorise(identity: Identity, access: Access, scopes: frozenset[str]) -> None:
    """Raise `Forbidden` if a verified caller may not call the operation; REST and gRPC use the same words.

    The caller's token, a service's too, must carry every scope in `scopes`.
    """
    if access is Access.SERVICE and not identity.service:
        raise Forbidden("This operation is for services only.")
    if not scopes <= identity.scopes:
        missing = " ".join(sorted(scopes - identity.scopes))
        raise Forbidden(f"The token lacks a scope: {missing}.")


Verify = Callable[[str], Identity]
"""Turns a bearer token into an identity; raises `kernel.errors.Unauthenticated` if it is invalid."""

TOKEN: Final[ContextVar[str | None]] = ContextVar("aether_token", default=None)
"""The verified bearer token of the request being served; a gateway's client forwards it."""
