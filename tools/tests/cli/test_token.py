"""`aether token`: prints one line, a token that the kits accept."""

from __future__ import annotations

from pathlib import Path

import pytest
from aether_adapters.auth.tokens import DevelopmentKeys, Issuer, KeySet, Verifier
from aether_adapters.kernel.errors import Unauthenticated
from aether_tools.workspace import ISSUER, Workspace

from .conftest import Aether


def verifier(workspace: Path, audience: str = "acme") -> Verifier:
    return Verifier(KeySet.from_setting(Workspace(workspace, "acme").jwks), ISSUER, audience)


def test_a_token_has_the_given_claims_and_nothing_else_is_printed(aether: Aether, workspace: Path) -> None:
    ran = aether("token", "--subject", "ada", "--role", "admin", "--role", "clerk", cwd=workspace)
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    identity = verifier(workspace)(ran.out.strip())
    assert (identity.subject, identity.roles, identity.service) == ("ada", ("admin", "clerk"), False)


def test_a_service_token_is_marked_as_one(aether: Aether, workspace: Path) -> None:
    token = aether("token", "--service", "--subject", "trade", cwd=workspace).out.strip()
    assert verifier(workspace)(token).service


def test_a_service_has_no_roles(aether: Aether, workspace: Path) -> None:
    ran = aether("token", "--service", "--role", "operator", cwd=workspace)
    assert (ran.code, ran.out) == (2, "")
    assert "a service has no roles" in ran.err


def test_the_key_of_services_does_not_sign_for_users(aether: Aether, workspace: Path) -> None:
    aether("token", "--service", cwd=workspace)
    pair = DevelopmentKeys(workspace / ".aether/keys/services").ensure()
    forged = Issuer(pair.private_key, ISSUER, "acme", pair.kid).issue("mallory", ("operator",))
    with pytest.raises(Unauthenticated, match="more than its key may sign"):
        verifier(workspace)(forged)


def test_a_lifetime_that_services_reject_is_an_error(aether: Aether, workspace: Path) -> None:
    """The kits accept the longest lifetime that the command allows, so both limits are the same."""
    for seconds in ("86401", "0", "-5"):
        ran = aether("token", f"--ttl={seconds}", cwd=workspace)
        assert (ran.code, ran.out) == (2, "")
        assert f"--ttl {seconds} is outside 1 second to 24 hours" in ran.err
    longest = aether("token", "--ttl", "86400", cwd=workspace).out.strip()
    assert verifier(workspace)(longest).subject == "developer"


def test_tokens_share_one_key_that_only_its_owner_can_read(aether: Aether, workspace: Path) -> None:
    first, second = (aether("token", cwd=workspace).out.strip() for _ in range(2))
    accept = verifier(workspace)
    assert accept(first).subject == accept(second).subject == "developer"
    assert (workspace / ".aether/keys/private.pem").stat().st_mode & 0o777 == 0o600


def test_a_token_of_another_workspace_is_rejected(aether: Aether, workspace: Path) -> None:
    token = aether("token", cwd=workspace).out.strip()
    with pytest.raises(Unauthenticated):
        verifier(workspace, "globex")(token)
