"""`aether token`: prints a bearer token for development, signed with the workspace's key."""

from __future__ import annotations

from pathlib import Path

from aether_adapters.auth.tokens import MAX_TOKEN_LIFETIME_SECONDS, DevelopmentKeys, Issuer

from aether_tools.console import OK, UsageError, print_line
from aether_tools.workspace import ISSUER, Workspace


def token(subject: str, roles: tuple[str, ...], *, service: bool, seconds: int) -> int:
    """Print a token that is valid for `seconds`, and nothing else. Create the key on first use: one for users, one for services.

    Raises `UsageError` for a lifetime that services reject, and for a service with roles.
    """
    if not 1 <= seconds <= MAX_TOKEN_LIFETIME_SECONDS:
        raise UsageError(
            f"--ttl {seconds} is outside 1 second to {MAX_TOKEN_LIFETIME_SECONDS / 3600:g} hours, the lifetimes that services accept; "
            f"use --ttl {MAX_TOKEN_LIFETIME_SECONDS:g} or less."
        )
    if service and roles:
        raise UsageError("--role goes with a user: a service has no roles; leave out --role or --service.")
    workspace = Workspace.find(Path.cwd())
    pair = DevelopmentKeys(workspace.service_keys if service else workspace.keys).ensure()
    issuer = Issuer(pair.private_key, ISSUER, workspace.name, pair.kid)
    print_line(issuer.issue(subject, roles, seconds=seconds, service=service))
    return OK
