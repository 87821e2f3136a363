"""The caller's identity: access levels, verified tokens, authorisation."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, runtime_checkable

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


ANY_SERVICE: Final = "*"
"""Stands in a contract for every service."""


def authorise(
    identity: Identity, access: Access, scopes: frozenset[str], services: frozenset[str] = frozenset()
) -> None:
    """Raise `Forbidden` if a verified caller may not call the operation; REST and gRPC use the same words.

    The caller's token, a service's too, must carry every scope in `scopes`. `services` are those that may call it, by
    the subjects of their tokens: if empty, every one for an operation that is for services, none for one that is for
    callers. In the latter case a service acts as the caller itself.
    """
    if identity.service:
        named = identity.subject in services or ANY_SERVICE in services
        if not named and (services or access is Access.CALLER):
            raise Forbidden(f"The service {identity.subject} may not call this operation.")
    elif access is Access.SERVICE:
        raise Forbidden("This operation is for services only.")
    if not scopes <= identity.scopes:
        missing = " ".join(sorted(scopes - identity.scopes))
        raise Forbidden(f"The token lacks a scope: {missing}.")


Verify = Callable[[str], Identity]
"""Turns a bearer token into an identity; raises `kernel.errors.Unauthenticated` if it is invalid."""


@runtime_checkable
class Remembers(Protocol):
    """A `Verify` that remembers tokens."""

    def known(self, token: str, /) -> Identity | None:
        """Return the identity of a token that was verified before and is still good, without any work; else None."""
        ...


def recall(verify: Verify) -> Callable[[str], Identity | None]:
    """Return a look-up of tokens that `verify` knows; it finds none if `verify` remembers none."""
    return verify.known if isinstance(verify, Remembers) else lambda _: None


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent the request being served, and from which address; for the audit log."""

    identity: Identity
    address: str


CLIENT: Final[ContextVar[Client | None]] = ContextVar("aether_client", default=None)
"""The client of an operation that the contract marks for the audit log; None elsewhere."""

TOKEN: Final[ContextVar[str | None]] = ContextVar("aether_token", default=None)
"""The verified bearer token of the request being served; a gateway's client forwards it."""
