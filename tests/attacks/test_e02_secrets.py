"""E2: no log shows a password, token or secret: not at DEBUG, not while servers are away, not when a process dies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from aether_adapters.testing.waiting import eventually

from tests.attacks.conftest import victim_of
from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment, Role

_DATABASE, _REDIS, _KEYS, _OTHER = "hunter2-database", "hunter2-redis", "hunter2-keys", "hunter2-query"


@pytest.fixture
def deployment(billing: Acme, tmp_path: Path) -> Deployment:
    """A service whose servers are all away, with a password in each address."""
    return Deployment(
        billing,
        tmp_path,
        {
            "DATABASE_URL": f"mysql+pymysql://ann:{_DATABASE}@127.0.0.1:9/billing",
            "REDIS_URL": f"redis://ann:{_REDIS}@127.0.0.1:9/0?client_name=x&password={_OTHER}",
            "KAFKA_BOOTSTRAP": "127.0.0.1:9",
            "LOG_LEVEL": "DEBUG",
        },
    )


@pytest.fixture(scope="module")
def serving(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Role, str]]:
    """A process that logs as JSON, with its address."""
    with victim_of(billing, tmp_path_factory.mktemp("serving"), "api", LOG_FORMAT="json") as victim:
        yield victim.process, victim.rest


@pytest.mark.parametrize("form", [pytest.param("console", marks=pytest.mark.prove), "json"])
def test_a_service_whose_servers_are_away_shows_no_secret(form: str, deployment: Deployment) -> None:
    token = deployment.acme.token()
    keys = f"{deployment.acme.root}/.aether/keys/jwks.json http://127.0.0.1:9/jwks?api_key={_KEYS}"
    with deployment.started("api", JWKS=keys, LOG_FORMAT=form) as process, deployment.client(token) as client:

        def answers() -> bool:
            return httpx.get(f"{deployment.rest}/healthz", timeout=5).status_code == 200

        eventually(answers, "it serves", START_SECONDS)
        listed = client.get("/v1/invoices")
        made = client.post("/v1/invoices", json={"title": "First"}, headers={"Idempotency-Key": "k"})
        assert {listed.status_code, made.status_code} <= {500, 503, 504}
        client.get("/v1/invoices", headers={"authorization": f"Bearer {token[:-9]}"})
        said = process.said()
    for secret in (_DATABASE, _REDIS, _KEYS, _OTHER, token, token[:20], token[-20:]):
        assert secret not in said


@pytest.mark.parametrize("half", ["password='", 'token="', "-----BEGIN PRIVATE KEY-----", "Duplicate entry "])
def test_half_a_secret_in_a_path_hides_nothing_of_its_line(half: str, serving: tuple[Role, str]) -> None:
    process, address = serving
    path = f"/v1/{half}"
    assert httpx.get(f"{address}{quote(path)}").status_code == 404

    def logged() -> list[str]:
        return [line for line in process.said().splitlines() if half.split('"')[0] in line]

    eventually(lambda: bool(logged()), "the request is logged", START_SECONDS)
    line = json.loads(logged()[0])
    assert (line["status"], line["logger"], "time" in line) == (404, "aether.access", True)


def test_a_process_that_dies_shows_no_secret(deployment: Deployment) -> None:
    with deployment.started("migrate", MIGRATE_SECONDS="0.5") as process:
        assert process.process.wait(START_SECONDS) == 1
        said = process.said()
    assert "Try again, or wait longer: BILLING_MIGRATE_SECONDS." in said
    assert _DATABASE not in said
