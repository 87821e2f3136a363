"""The REST edge against its peers: the frameworks alone, one operation that echoes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.bench.harness import Row, Side, Sides
from tests.bench.http_sides import Exchange, Request, asgi, http_sides
from tests.bench.rest_apps import BODY, NO_LINES, TOO_MANY, token


def _order(body: bytes) -> Request:
    return Request("POST", "/v1/orders", {"Authorization": f"Bearer {token()}"}, body)


def _exchange(*refused: bytes) -> Exchange:
    return Exchange(lambda: _order(BODY), 201, lambda: tuple(_order(body) for body in refused))


def _against(peer: str, *refused: bytes) -> Sides:
    return http_sides(
        asgi("tests.bench.rest_apps:aether"), asgi(f"tests.bench.rest_apps:{peer}"), _exchange(*refused)
    )


def _without_token_cache(sides: Sides) -> Sides:
    @contextmanager
    def without() -> Iterator[tuple[Side, Side]]:
        os.environ["BENCH_TOKEN_CACHE"] = "0"
        try:
            with sides() as both:
                yield both
        finally:
            del os.environ["BENCH_TOKEN_CACHE"]

    def start() -> AbstractContextManager[tuple[Side, Side]]:
        return without()

    return start


_FASTAPI = _against("fastapi", TOO_MANY, NO_LINES)

ROWS = (
    Row("rest-edge", "fastapi", 3.0, "req/s", _FASTAPI),
    Row("rest-edge", "starlette", 0.8, "req/s", _against("starlette")),
    Row("rest-edge", "connexion-stock", 6.0, "req/s", _against("connexion", TOO_MANY, NO_LINES)),
    Row("rest-edge (no token cache)", "fastapi", None, "req/s", _without_token_cache(_FASTAPI)),
)
