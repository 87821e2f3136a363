"""A real process reads its secrets from files, and says at its start what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment

pytestmark = pytest.mark.prove


def ended(deployment: Deployment, role: str, **more: str) -> tuple[int, str]:
    """Run the role, which ends by itself; return its exit code and what it said."""
    with deployment.started(role, **more) as process:
        return process.process.wait(START_SECONDS), process.said()


@pytest.fixture
def deployment(billing: Acme, tmp_path: Path) -> Deployment:
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/billing.db\n")
    return Deployment(
        billing, tmp_path, {"KAFKA_BOOTSTRAP": "127.0.0.1:9", "REDIS_URL": "redis://127.0.0.1:9/0"}
    )


def test_the_address_of_the_database_is_read_from_a_file(deployment: Deployment) -> None:
    code, said = ended(deployment, "migrate", DATABASE_URL_FILE=str(deployment.folder / "url"))
    assert code == 0, said
    assert (deployment.folder / "billing.db").is_file()


def test_a_secret_that_is_set_twice_or_missing_ends_the_process_with_a_sentence(
    deployment: Deployment,
) -> None:
    url = str(deployment.folder / "url")
    code, said = ended(deployment, "migrate", DATABASE_URL_FILE=url, DATABASE_URL="sqlite:///other.db")
    assert (code, "BILLING_DATABASE_URL is set twice" in said) == (2, True), said
    code, said = ended(deployment, "rpc", DATABASE_URL_FILE=url, JWKS="/nowhere/jwks.json")
    assert (code, "BILLING_JWKS: /nowhere/jwks.json cannot be read" in said) == (2, True), said
    code, said = ended(deployment, "api", DATABASE_URL_FILE=url, JWKS="")
    assert (code, "BILLING_JWKS is empty" in said) == (2, True), said
