"""The REST edge against its peers: the frameworks alone, with an operation that stores nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.grpc_contract import generated, without_token_cache
from tests.bench.harness import Row, Side, Sides
from tests.bench.http_sides import Exchange, Request, asgi, http_sides
from tests.bench.rest_apps import BODY, REFUSED, token


def create(body: bytes = BODY) -> Request:
    """Return the request that every contestant answers."""
    return Request("POST", "/v1/invoices", {"Authorization": f"Bearer {token()}"}, body)


def _against(peer: str, *refused: bytes) -> Sides:
    exchange = Exchange(create, 201, lambda: tuple(create(body) for body in refused))
    pair = http_sides(asgi("tests.bench.rest_apps:aether"), asgi(f"tests.bench.rest_apps:{peer}"), exchange)

    @contextmanager
    def sides() -> Iterator[tuple[Side, Side]]:
        with generated(), pair() as both:
            yield both

    return sides


_FASTAPI = _against("fastapi", *REFUSED)

ROWS = (
    Row("rest-edge", "fastapi", 3.0, "req/cpu-s", _FASTAPI),
    Row("rest-edge", "starlette", 1.1, "req/cpu-s", _against("starlette")),
    Row(
        "rest-edge",
        "starlette + msgspec by hand",
        1.0,
        "req/cpu-s",
        _against("starlette_msgspec", *REFUSED),
    ),
    Row("rest-edge", "connexion-stock", 6.0, "req/cpu-s", _against("connexion", *REFUSED)),
    Row("rest-edge (no token cache)", "fastapi", None, "req/cpu-s", without_token_cache(_FASTAPI)),
)
