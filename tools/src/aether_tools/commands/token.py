"""`aether token`: a bearer token for development, signed with the workspace's own key."""

from __future__ import annotations

from pathlib import Path

from aether_adapters.auth.tokens import MAX_TOKEN_LIFETIME_SECONDS, DevelopmentKeys, Issuer

from aether_tools.console import OK, UsageError, say
from aether_tools.workspace import ISSUER, Workspace


def token(subject: str, roles: tuple[str, ...], *, service: bool, seconds: int) -> int:
    """Print a token and nothing else; makes the key on first use. Raises `UsageError` for one nobody would accept."""
    if not 1 <= seconds <= MAX_TOKEN_LIFETIME_SECONDS:
        raise UsageError(
            f"a token lives for 1 second to {MAX_TOKEN_LIFETIME_SECONDS / 3600:g} hours; no service accepts one of {seconds} seconds. "
            f"Give --ttl {MAX_TOKEN_LIFETIME_SECONDS:g} or less."
        )
    workspace = Workspace.find(Path.cwd())
    pair = DevelopmentKeys(workspace.keys).ensure()
    issuer = Issuer(pair.private_key, ISSUER, workspace.name, pair.kid)
    say(issuer.issue(subject, roles, seconds=seconds, service=service))
    return OK
