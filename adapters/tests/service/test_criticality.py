"""The criticality of a request goes with it, from the header of a gateway's client to the use case."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from aether_adapters.grpc import AsyncChannel, Bound, Codec, Method, Server, Service
from aether_adapters.kernel.criticality import CRITICALITY, Criticality
from aether_adapters.kernel.identity import Access, Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest import Operation, Reply, build_app

CONTRACT = """
openapi: 3.0.3
info: {title: Levels, version: "1"}
paths:
  /v1/level:
    get:
      operationId: level
      responses: {"200": {description: The level of this request.}}
"""
TEXT = Codec(to_wire=str.encode, from_wire=bytes.decode)
LEVEL = Method(
    path="/acme.levels.v1.LevelService/Level",
    access=Access.PUBLIC,
    idempotent=True,
    request=TEXT,
    response=TEXT,
    criticality=Criticality.CRITICAL_PLUS,
)
ERRORS = ErrorTable("levels", {})


def verify(token: str) -> Identity:
    """Take any token; that of the gateway is a service's."""
    return Identity(subject=token, service=token == "gateway")


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """A gRPC server whose method says which level it is called with."""

    def level(_: str) -> str:
        found = CRITICALITY.get()
        return "none" if found is None else found.name.lower()

    server = Server(
        [Service("acme.levels.v1.LevelService", (Bound(LEVEL, level),))],
        errors=ERRORS,
        verify=verify,
        health=Health({}),
        address="127.0.0.1:0",
    )
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop(0)


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        (None, "critical"),
        ("sheddable", "sheddable"),
        ("sheddable_plus", "sheddable_plus"),
        ("critical_plus", "critical"),  # a stranger raises nothing
        ("urgent", "critical"),
    ],
)
def test_the_level_of_a_request_reaches_the_use_case_behind_a_gateway(
    target: str, tmp_path: Path, sent: str | None, arrived: str
) -> None:
    contract = tmp_path / "levels.yaml"
    contract.write_text(CONTRACT)

    async def ask() -> object:
        channel = AsyncChannel(target, service_token=lambda: "gateway", timeout=60)
        behind = channel.bind(LEVEL)
        operation = Operation(
            "level", Access.PUBLIC, lambda _: "", behind, lambda text: Reply(200, body=text)
        )
        app = build_app(contract, [operation], errors=ERRORS, verify=verify, health=Health({}))
        headers = {"x-criticality": sent} if sent else {}
        try:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://levels", timeout=60) as client:
                return (await client.get("/v1/level", headers=headers)).json()
        finally:
            await channel.close()

    assert asyncio.run(ask()) == arrived
