"""E22: routes outside the contract can be switched off, are counted, and show nothing of the inside."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re

import httpx
import pytest
from aether_adapters.embedded import children
from aether_adapters.testing.waiting import eventually

from tests.attacks.conftest import Victim
from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, ready


def raw_get(victim: Victim, path: str) -> int:
    """Return the status of a GET of exactly `path`; other clients normalise it."""
    connection = http.client.HTTPConnection("127.0.0.1", victim.deployment.rest_port, timeout=20)
    try:
        connection.putrequest("GET", path, skip_host=False)
        connection.putheader("x-forwarded-for", f"198.51.100.{hashlib.sha256(path.encode()).digest()[0]}")
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_is_switched_off_has_no_other_name(closed: Victim) -> None:
    for path in (
        "/metrics", "/%6detrics", "/m%65trics", "//metrics", "/./metrics", "/metrics/", "/METRICS",
        "/docs", "/docs/", "/%64ocs/", "/docs/index.html", "/openapi.json", "/openapi%2ejson", "/openapi.yaml",
    ):  # fmt: skip
        assert raw_get(closed, path) == 404, path
    assert raw_get(closed, "/%68ealthz") == raw_get(closed, "/healthz") == 200
    assert raw_get(closed, "/v1/%69nvoices") == 401, "a path of the contract, whatever its spelling"


@pytest.mark.prove
def test_probes_can_be_switched_off_too_and_live_on_the_admin_port(
    billing: Acme, closed: Victim, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rest, admin = children.free_port(), children.free_port()
    settings = {
        "REST_PORT": str(rest),
        "ADMIN_PORT": str(admin),
        "REST_PROBES": "false",
        "RPC_TARGET": closed.deployment.grpc,
    }
    with closed.deployment.started("api", **settings):
        eventually(lambda: ready(f"http://127.0.0.1:{admin}"), "the gateway is ready", START_SECONDS)
        for path in ("/healthz", "/readyz", "/metrics"):
            assert httpx.get(f"http://127.0.0.1:{rest}{path}", timeout=20).status_code == 404
            assert httpx.get(f"http://127.0.0.1:{admin}{path}", timeout=20).status_code == 200


def test_paths_outside_the_contract_are_counted_for_each_address(closed: Victim) -> None:
    with httpx.Client(
        base_url=closed.rest, headers={"x-forwarded-for": "203.0.113.77"}, timeout=20
    ) as client:
        statuses = [client.get(path).status_code for path in ("/healthz", "/nothing", "/%68ealthz") * 10]
        assert statuses.count(429) > 10, statuses
        assert client.get("/healthz", headers={"x-forwarded-for": "203.0.113.78"}).status_code == 200
        assert client.get("/v1/tally", headers={"authorization": f"Bearer {closed.token}"}).status_code == 200


def test_the_shown_contract_has_no_extensions_and_the_page_runs_its_own_scripts(victim: Victim) -> None:
    shown = httpx.get(f"{victim.rest}/openapi.json", timeout=20)
    assert "x-from" not in shown.text and "x-field" not in shown.text
    assert "If-Match" in shown.text and shown.json()["paths"]["/invoices"]["post"]["operationId"]
    # Connexion would write it anew for each request, on the event loop.
    assert httpx.get(f"{victim.rest}/openapi.yaml", timeout=20).status_code == 404
    page = httpx.get(f"{victim.rest}/docs/", timeout=20)
    policy = page.headers["content-security-policy"]
    inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert inline, "the page has inline scripts"
    for script in inline:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "script-src" in policy and "'unsafe-inline'" not in policy.split("style-src")[0]
    assert "frame-ancestors 'none'" in policy
    for source in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert not source.startswith("http"), "the page needs nothing from elsewhere"
