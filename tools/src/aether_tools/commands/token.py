"""`aether token`: a bearer token for development, signed with the workspace's own key."""

from __future__ import annotations

from pathlib import Path

from aether_adapters.tokens import DevelopmentKeys, Issuer

from aether_tools.console import OK, say
from aether_tools.workspace import ISSUER, Workspace


def token(subject: str, roles: tuple[str, ...], *, service: bool, seconds: int) -> int:
    """Print a token and nothing else; makes the key on first use."""
    workspace = Workspace.find(Path.cwd())
    pair = DevelopmentKeys(workspace.keys).ensure()
    issuer = Issuer(pair.private_key, ISSUER, workspace.name, pair.kid)
    say(issuer.issue(subject, roles, seconds=seconds, service=service))
    return OK
