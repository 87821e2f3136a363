"""HTTP server for the platform: /healthz, /readyz and /metrics of any process, on an address that callers do not reach."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from aether_adapters.observability.health import Health
from aether_adapters.rest.connections import ConnectionLimits
from aether_adapters.rest.server import listen, serve_app
from aether_adapters.rest.system_routes import healthz, metrics, readyz
from aether_adapters.rest.tls_listener import Context

_STOP_SECONDS: Final = 5.0
_LIMITS: Final = ConnectionLimits(
    head_bytes=16 * 1024, body_seconds=10.0, idle_seconds=120.0, write_seconds=10.0, connections=64
)
"""A platform has a few probes and scrapers, which may ask once a minute."""


class AdminServer:
    """Serves health and metrics on a thread of its own, so that it answers while the service is busy."""

    def __init__(
        self, routes: Mapping[str, ASGIApp], host: str, port: int, tls: Context | None = None
    ) -> None:
        """Bind the address; `port` 0 takes a free one. Raises `OSError` if it is not available."""
        self._app = _Admin(routes)
        self._tls = tls
        self._listener = listen(host, port)
        self.port = int(self._listener.getsockname()[1])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="admin", daemon=True)

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and the connections."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        serve_app(self._app, self._listener, self._stop, name="admin", limits=_LIMITS, tls=self._tls)


class _Admin:
    """The routes, as an ASGI application."""

    def __init__(self, routes: Mapping[str, ASGIApp]) -> None:
        self._routes = routes
        self._known = " ".join(routes).encode("ascii") + b"\n"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope["path"])
        if route is None:
            await text(send, 404, self._known)
        elif scope["method"] not in ("GET", "HEAD"):
            await text(send, 405, b"GET, HEAD\n", (b"allow", b"GET, HEAD"))
        else:
            await route(scope, receive, send)


def routes_of(health: Health) -> Mapping[str, ASGIApp]:
    """Return the routes of a process by itself."""
    return {"/healthz": _alive(health), "/readyz": readyz(health), "/metrics": metrics()}


def _alive(health: Health) -> ASGIApp:
    """Return /healthz of the process: unlike that of the REST server, it must notice when that server is frozen."""
    well = healthz()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        frozen = health.frozen()
        if frozen:
            await text(send, 503, f"frozen: {', '.join(frozen)}\n".encode())
        else:
            await well(scope, receive, send)

    return app


async def text(send: Send, status: int, body: bytes, *fields: tuple[bytes, bytes]) -> None:
    """Send a whole response in plain text."""
    head = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode("ascii")),
        *fields,
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
