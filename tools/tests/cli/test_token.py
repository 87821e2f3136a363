"""`aether token`: one line, and a token the kits accept."""

from __future__ import annotations

from pathlib import Path

import pytest
from aether_adapters.auth.tokens import KeySet, Verifier
from aether_adapters.kernel.errors import Unauthenticated
from aether_tools.workspace import ISSUER

from .conftest import Aether


def verifier(workspace: Path, audience: str = "acme") -> Verifier:
    return Verifier(KeySet.from_file(workspace / ".aether/keys/jwks.json"), ISSUER, audience)


def test_a_token_carries_what_was_asked_for_and_nothing_else_is_printed(
    aether: Aether, workspace: Path
) -> None:
    ran = aether("token", "--subject", "ada", "--role", "admin", "--role", "clerk", cwd=workspace)
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    identity = verifier(workspace)(ran.out.strip())
    assert (identity.subject, identity.roles, identity.service) == ("ada", ("admin", "clerk"), False)


def test_a_service_token_says_so(aether: Aether, workspace: Path) -> None:
    token = aether("token", "--service", "--subject", "trade", cwd=workspace).out.strip()
    assert verifier(workspace)(token).service


def test_a_token_that_nobody_would_accept_is_not_made(aether: Aether, workspace: Path) -> None:
    """The longest one that is made is accepted, so the two limits are the same."""
    for seconds in ("86401", "0", "-5"):
        ran = aether("token", f"--ttl={seconds}", cwd=workspace)
        assert (ran.code, ran.out) == (2, "")
        assert "1 second to 24 hours" in ran.err and f"one of {seconds} seconds" in ran.err
    longest = aether("token", "--ttl", "86400", cwd=workspace).out.strip()
    assert verifier(workspace)(longest).subject == "developer"


def test_two_tokens_share_a_key_that_only_its_owner_reads(aether: Aether, workspace: Path) -> None:
    first, second = (aether("token", cwd=workspace).out.strip() for _ in range(2))
    accept = verifier(workspace)
    assert accept(first).subject == accept(second).subject == "developer"
    assert (workspace / ".aether/keys/private.pem").stat().st_mode & 0o777 == 0o600


def test_a_token_of_another_workspace_is_not_accepted(aether: Aether, workspace: Path) -> None:
    token = aether("token", cwd=workspace).out.strip()
    with pytest.raises(Unauthenticated):
        verifier(workspace, "globex")(token)
