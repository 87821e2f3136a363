"""Routes outside the contract: /openapi.json, /docs, /healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from connexion.jsonifier import Jsonifier
from connexion.middleware.swagger_ui import SwaggerUIAPI, SwaggerUIMiddleware
from connexion.options import SwaggerUIOptions
from connexion.spec import Specification
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aether_adapters.kernel.problems import Problem
from aether_adapters.observability.health import Health, not_ready
from aether_adapters.rest.client_address import ClientAddress
from aether_adapters.rest.local_limit import LocalLimit
from aether_adapters.rest.problems import NoSuchPath
from aether_adapters.rest.public_contract import without_extensions

Counted = Callable[[ASGIApp], ASGIApp]

_INLINE_SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_HTML: Final = b"text/html"


def counter(limit: LocalLimit, client_address: ClientAddress) -> Counted:
    """Return a function that puts `limit` in front of an app, whose `send` is `RestApp`'s `ResponseSender`."""

    def counted(app: ASGIApp) -> ASGIApp:
        async def limited(scope: Scope, receive: Receive, send: Any) -> None:
            if scope["type"] == "http":
                limit.take(client_address(scope, send.headers))
            await app(scope, receive, send)

        return limited

    return counted


class _DocsAPI(SwaggerUIAPI):  # type: ignore[misc]  # Connexion is untyped
    """Connexion's Swagger UI at the root, showing the contract without its extensions."""

    def __init__(self, specification: Specification, **kwargs: Any) -> None:
        self._contract = without_extensions(specification.raw)
        self._json = Jsonifier().dumps(self._contract)
        super().__init__(
            specification.clone(),  # Connexion writes a base path into it
            base_path="",
            swagger_ui_options=SwaggerUIOptions(swagger_ui_path="/docs"),
            **kwargs,
        )

    def add_openapi_yaml(self) -> None:
        """Do nothing: writing the contract as YAML for each request would take the event loop 10 ms and more."""

    async def _get_openapi_json(self, request: Any) -> Response:
        if self._base_path_for_prefix(request):
            shown: Response = await super()._get_openapi_json(request)
            return shown
        return Response(self._json, media_type="application/json")

    def _spec_for_prefix(self, request: Any) -> dict[str, Any]:
        prefix = self._base_path_for_prefix(request)
        servers = [{**server, "url": prefix + server["url"]} for server in self._contract.get("servers", [])]
        return {**self._contract, "servers": servers}


class DocsMiddleware(SwaggerUIMiddleware):  # type: ignore[misc]  # Connexion is untyped
    """Serves /docs and /openapi.json; passes every other path on."""

    def __init__(self, app: ASGIApp, *, counted: Counted) -> None:
        super().__init__(app)
        self._counted = counted(super().__call__)

    def add_api(self, specification: Specification, **_: Any) -> None:
        """Show a contract."""
        api = _DocsAPI(specification, default=self.default_fn)
        self.router.mount("", app=api.router)

    async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
        """Answer a request, a page with a policy under which its own scripts run and no others."""
        await self._counted(scope, receive, _Pages(send))


class _Pages:
    """ASGI `send` that adds a Content-Security-Policy to pages."""

    def __init__(self, send: Any) -> None:
        self.headers = send.headers
        self._send = send
        self._head: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            media = dict(message["headers"]).get(b"content-type", b"")
            if media.startswith(_HTML):
                self._head = message
                return
        if self._head is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            policy = (b"content-security-policy", _policy(self._body))
            await self._send({**self._head, "headers": [*self._head["headers"], policy]})
            await self._send({"type": "http.response.body", "body": self._body})


def _policy(page: bytes) -> bytes:
    """Return the policy of a page of Swagger UI, which styles its elements and shows its icons as data."""
    digests = [b64encode(sha256(script).digest()).decode("ascii") for script in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ).encode("ascii")


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
        await answer(send, 200, b"application/json", b'{"status":"alive"}')

    return app


def readyz(health: Health) -> ASGIApp:
    """Return an app that answers 200 if every probe succeeds and the service is not draining, else 503."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await ready_or(send, await asyncio.to_thread(not_ready, health))

    return app


async def ready_or(send: Send, problem: Problem | None) -> None:
    """Answer a readiness check: 200, or 503 with the problem."""
    if problem is None:
        await answer(send, 200, b"application/json", b'{"status":"ready"}')
    else:
        headers = [(b"retry-after", b"1")]
        await answer(send, 503, b"application/problem+json", problem.to_json(), headers)


def metrics() -> ASGIApp:
    """Return an app that answers with this process's metrics in Prometheus' text format."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        body = await asyncio.to_thread(generate_latest)
        await answer(send, 200, CONTENT_TYPE_LATEST.encode("ascii"), body)

    return app


async def answer(
    send: Send, status: int, media_type: bytes, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Send a whole response that no cache keeps."""
    head = [
        (b"content-type", media_type),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
