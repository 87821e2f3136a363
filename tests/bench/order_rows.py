"""An order with items: the edge alone, then through a use case on a memory adapter in the same process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.grpc_contract import ORDERS, generated
from tests.bench.harness import Row, Side, Sides
from tests.bench.http_sides import Exchange, Request, asgi, http_sides
from tests.bench.order_apps import BODY, REFUSED
from tests.bench.rest_apps import token


def _order(body: bytes) -> Request:
    """Return the request of a buyer who places an order."""
    headers = {
        "Authorization": f"Bearer {token()}",
        "Idempotency-Key": "9f1c2a7e-4b1d-4c7e-8a55-0d6a1f3b2c90",
    }
    return Request("POST", "/v1/orders", headers, body)


def _against(ours: str, peer: str) -> Sides:
    exchange = Exchange(lambda: _order(BODY), 201, lambda: tuple(_order(body) for body in REFUSED))
    pair = http_sides(
        asgi(f"tests.bench.order_apps:{ours}"), asgi(f"tests.bench.order_apps:{peer}"), exchange
    )

    @contextmanager
    def sides() -> Iterator[tuple[Side, Side]]:
        with generated(ORDERS), pair() as both:
            yield both

    return sides


ROWS = (
    Row("rest-edge (order of three items)", "fastapi", None, "req/cpu-s", _against("aether", "fastapi")),
    Row("rest-in-process", "fastapi", 2.5, "req/cpu-s", _against("aether_use_case", "fastapi_use_case")),
)
