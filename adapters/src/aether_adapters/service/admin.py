"""HTTP server for the platform: /healthz, /readyz and /metrics of a process without the REST API."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from aether_adapters.observability.health import Health, not_ready

_LOG = structlog.get_logger("aether.admin")


class AdminServer:
    """Serves health and metrics on a thread of its own; callers of the service never use it."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        """Bind the address; `port` 0 takes a free one. Raises `OSError` if it is not available."""
        self._server = ThreadingHTTPServer((host, port), type("_Bound", (_Handler,), {"health": health}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="admin", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Start serving."""
        self._thread.start()
        _LOG.info("admin listens", port=self.port)

    def stop(self) -> None:
        """Close the listener."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    health: Health
    timeout = 10
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/healthz":
                self._answer(200, "application/json", b'{"status":"alive"}')
            case "/readyz":
                problem = not_ready(self.health)
                if problem is None:
                    self._answer(200, "application/json", orjson.dumps({"status": "ready"}))
                else:
                    self._answer(problem.status, "application/problem+json", problem.to_json())
            case "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            case _:
                self._answer(404, "text/plain; charset=utf-8", b"/healthz /readyz /metrics\n")

    def _answer(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        _LOG.debug("admin", line=format % args)
