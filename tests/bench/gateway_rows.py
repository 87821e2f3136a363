"""A REST gateway in front of a gRPC service, against FastAPI with grpc.aio in front of the same service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.grpc_contract import generated, without_token_cache
from tests.bench.harness import Row, Side
from tests.bench.http_sides import Exchange, Request, asgi, http_sides
from tests.bench.processes import started
from tests.bench.rest_apps import token


def _create(body: bytes) -> Request:
    return Request("POST", "/v1/invoices", {"Authorization": f"Bearer {token()}"}, body)


_EXCHANGE = Exchange(
    lambda: _create(b'{"title":"Two courses and a sticker sheet"}'),
    201,
    lambda: (_create(b'{"title":""}'), _create(b'{"title":"a","owner":"root"}')),
)
_GATEWAYS = http_sides(
    asgi("tests.bench.gateway_apps:aether"), asgi("tests.bench.gateway_apps:fastapi"), _EXCHANGE
)


@contextmanager
def _sides() -> Iterator[tuple[Side, Side]]:
    # Only the gateways are compared, so the service shares the core of the load generator.
    with generated(), started("tests.bench.grpc_apps", "aether", core=1) as line:
        os.environ["BENCH_RPC_PORT"], _pid = line.split()
        try:
            with _GATEWAYS() as sides:
                yield sides
        finally:
            del os.environ["BENCH_RPC_PORT"]


ROWS = (
    Row("rest-gateway", "fastapi + grpc.aio", 1.8, "req/cpu-s", _sides),
    Row(
        "rest-gateway (no token cache)", "fastapi + grpc.aio", None, "req/cpu-s", without_token_cache(_sides)
    ),
)
