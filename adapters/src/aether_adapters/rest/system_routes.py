"""Routes outside the contract: /openapi.json, /docs, /healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio
from typing import Any

from connexion.middleware.swagger_ui import SwaggerUIAPI, SwaggerUIMiddleware
from connexion.options import SwaggerUIOptions
from connexion.spec import Specification
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

from aether_adapters.observability.health import Health, not_ready
from aether_adapters.rest.problems import NoSuchPath


class _DocsAPI(SwaggerUIAPI):  # type: ignore[misc]  # Connexion is untyped
    """Connexion's Swagger UI at the root, showing the contract as written."""

    def __init__(self, specification: Specification, **kwargs: Any) -> None:
        self._contract = specification.raw
        super().__init__(
            specification.clone(),  # Connexion writes a base path into it
            base_path="",
            swagger_ui_options=SwaggerUIOptions(swagger_ui_path="/docs"),
            **kwargs,
        )

    def _spec_for_prefix(self, request: Any) -> dict[str, Any]:
        prefix = self._base_path_for_prefix(request)
        if not prefix:
            return dict(self._contract)
        servers = [{**server, "url": prefix + server["url"]} for server in self._contract.get("servers", [])]
        return {**self._contract, "servers": servers}


class DocsMiddleware(SwaggerUIMiddleware):  # type: ignore[misc]  # Connexion is untyped
    """Serves /docs and /openapi.json; passes every other path on."""

    def add_api(self, specification: Specification, **_: Any) -> None:
        """Show a contract."""
        api = _DocsAPI(specification, default=self.default_fn)
        self.router.mount("", app=api.router)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise `NoSuchPath` for HTTP; complete the ASGI lifespan, which does nothing here."""
    if scope["type"] == "http":
        raise NoSuchPath("The contract has no such path.")
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


def healthz() -> ASGIApp:
    """Return an app that answers 200 as long as the event loop runs."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await _answer(send, 200, b"application/json", b'{"status":"alive"}')

    return app


def readyz(health: Health) -> ASGIApp:
    """Return an app that answers 200 if every probe succeeds and the service is not draining, else 503."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        problem = await asyncio.to_thread(not_ready, health)
        if problem is None:
            await _answer(send, 200, b"application/json", b'{"status":"ready"}')
            return
        headers = [(b"retry-after", b"1")]
        await _answer(send, 503, b"application/problem+json", problem.to_json(), headers)

    return app


def metrics() -> ASGIApp:
    """Return an app that answers with this process's metrics in Prometheus' text format."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        body = await asyncio.to_thread(generate_latest)
        await _answer(send, 200, CONTENT_TYPE_LATEST.encode("ascii"), body)

    return app


async def _answer(
    send: Send, status: int, media_type: bytes, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    head = [
        (b"content-type", media_type),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
