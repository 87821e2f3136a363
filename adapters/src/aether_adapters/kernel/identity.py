"""Who is calling: the verified facts of a bearer token, and how the rest of a request finds them."""

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
    """Other services only, by a token of their own."""


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
"""Who calls a public operation without a token."""


def authorise(identity: Identity, access: Access, scopes: frozenset[str]) -> None:
    """Refuse a verified caller who may not do this, in the same words at every door; raises `Forbidden`.

    `scopes` are those that the caller's token must carry, all of them; a service's token too.
    """
    if access is Access.SERVICE and not identity.service:
        raise Forbidden("This operation is for services only.")
    if not scopes <= identity.scopes:
        missing = " ".join(sorted(scopes - identity.scopes))
        raise Forbidden(f"The token lacks a scope: {missing}.")


Verify = Callable[[str], Identity]
"""Turns a bearer token into an identity; raises `errors.Unauthenticated` when it cannot be trusted."""

TOKEN: Final[ContextVar[str | None]] = ContextVar("aether_token", default=None)
"""The bearer token of the request being served, verified; a gateway's client forwards it."""
