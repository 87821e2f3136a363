"""A request has one id in the log lines of every process that it reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest
from aether_adapters.embedded import children
from aether_adapters.testing.waiting import eventually

from tests.attacks.faulty import faulty
from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Role, ready

pytestmark = pytest.mark.prove


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway, the process of the gRPC server behind it, and a token for both."""

    url: str
    role: Role
    behind: Role
    token: str


@pytest.fixture(scope="module")
def gateway(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway to a server whose method GetInvoice fails for the invoice 1."""
    with faulty(billing, tmp_path_factory.mktemp("behind"), LOG_FORMAT="json") as victim:
        front = replace(
            victim.deployment, folder=tmp_path_factory.mktemp("front"), rest_port=children.free_port()
        )
        with front.started("api", RPC_TARGET=front.grpc, LOG_FORMAT="json") as role:
            eventually(lambda: ready(front.rest), "the gateway is ready", START_SECONDS)
            yield Gateway(front.rest, role, victim.process, victim.token)


@pytest.mark.parametrize("sent", [{}, {"x-request-id": "r-7"}, {"x-request-id": "not valid"}])
def test_gateway_and_server_log_the_same_id(gateway: Gateway, sent: dict[str, str]) -> None:
    headers = {"authorization": f"Bearer {gateway.token}", **sent}
    answer = httpx.get(f"{gateway.url}/v1/invoices/1", headers=headers, timeout=20)
    assert answer.status_code == 500, answer.text
    field = f'"request_id":"{answer.headers["x-request-id"]}"'

    def lines(role: Role) -> list[str]:
        return [line for line in role.said().splitlines() if field in line]

    eventually(
        lambda: '"path":"/v1/invoices/1"' in "".join(lines(gateway.role)), "the gateway logs the request"
    )
    eventually(lambda: len(lines(gateway.behind)) == 2, "the server logs the failure and the call")
    failed, called = lines(gateway.behind)
    assert '"event":"call failed"' in failed
    assert '"path":"/acme.billing.v1.BillingService/GetInvoice"' in called
