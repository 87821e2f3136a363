"""Runs a REST application on uvicorn, in a thread or as the whole process, until it is asked to stop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Protocol

import uvicorn

from aether_adapters.rest.application import RestApp


class Stop(Protocol):
    """Signals when to stop; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


def serve(
    app: RestApp,
    host: str,
    port: int,
    stop: Stop,
    *,
    started: Callable[[int], None] | None = None,
    reuse_port: bool = False,
) -> None:
    """Serve on `host`:`port` (0 picks a free port) until `stop` is set, then shut down gracefully.

    Shutdown: readiness fails for `RestOptions.drain` seconds, the listener closes, running requests finish
    within `RestOptions.grace` seconds. `started` is called with the port once connections are accepted.
    `reuse_port` lets several processes share a port. The caller handles signals. Raises `OSError` if the
    address is unavailable.
    """
    with _listen(host, port, reuse_port) as listener:
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # ClientAddress reads X-Forwarded-For
            backlog=2048,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(app.rest_options.grace)),
        )
        _Server(config, app, stop, started).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, app: RestApp, stop: Stop, started: Callable[[int], None] | None
    ) -> None:
        super().__init__(config)
        self._app = app
        self._stop = stop
        self._started = started
        self._leave_at: float | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle no signals: a process may hold several servers, and `process.run_roles` stops them all."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._started is not None and sockets:
            self._started(sockets[0].getsockname()[1])

    async def on_tick(self, counter: int) -> bool:
        """Return whether to exit; uvicorn asks ten times a second."""
        if self._leave_at is None and self._stop.is_set():
            self._app.health.drain()
            self._leave_at = monotonic() + self._app.rest_options.drain
        if self._leave_at is not None and monotonic() >= self._leave_at:
            return True
        return await super().on_tick(counter)


def _listen(host: str, port: int, reuse_port: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048, reuse_port=reuse_port)
    listener.setblocking(False)
    return listener
