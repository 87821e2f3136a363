"""Runs ASGI applications on uvicorn, in a thread or as the whole process, until they are asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic
from typing import Final, Protocol

import structlog
import uvicorn
from starlette.types import ASGIApp

from aether_adapters.observability.health import Health
from aether_adapters.rest.application import RestApp
from aether_adapters.rest.connection import HttpConnection
from aether_adapters.rest.connections import ConnectionLimits, Connections
from aether_adapters.rest.refusals import Refusals
from aether_adapters.rest.tls_listener import Context, TlsListener

_BACKLOG: Final = 2048
_FILES_SHARE: Final = 0.75
"""The part of the files a process may open that clients may take; the rest is for databases, brokers and logs."""
_LOG = structlog.get_logger("aether.http")


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
    tls: Context | None = None,
    started: Callable[[int], None] | None = None,
    reuse_port: bool = False,
) -> None:
    """Serve on `host`:`port` (0 picks a free port) until `stop` is set, then shut down gracefully.

    Shutdown: for `RestOptions.drain` seconds readiness fails and each response ends its connection, the listener closes,
    running requests finish within `RestOptions.grace` seconds. `started` is called with the port once connections are accepted.
    With `tls` only TLS connections are served. `reuse_port` lets several processes share a port. The caller handles signals. Raises `OSError` if the
    address is unavailable.
    """
    with listen(host, port, reuse_port=reuse_port) as listener:
        serve_on(app, listener, stop, tls=tls, started=started)


def serve_on(
    app: RestApp,
    listener: socket.socket,
    stop: Stop,
    *,
    tls: Context | None = None,
    started: Callable[[int], None] | None = None,
) -> None:
    """Serve on what `listen` has returned, as `serve` does; the caller closes it."""
    options = app.rest_options
    serve_app(
        app,
        listener,
        stop,
        name="rest",
        limits=options.connections,
        health=app.health,
        drain=options.drain,
        grace=options.grace,
        tls=tls,
        started=started,
    )


def listen(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """Return a socket that listens on `host`:`port`. Raises `OSError` if the address is unavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=reuse_port)
    listener.setblocking(False)
    return listener


def serve_app(
    app: ASGIApp,
    listener: socket.socket,
    stop: Stop,
    *,
    name: str,
    limits: ConnectionLimits,
    health: Health | None = None,
    drain: float = 0.0,
    grace: float = 1.0,
    tls: Context | None = None,
    started: Callable[[int], None] | None = None,
) -> None:
    """Serve any application on `listener`, as `serve` does; `name` is the server's in metrics and logs."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=HttpConnection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # ClientAddress reads X-Forwarded-For
        backlog=_BACKLOG,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    connections = Connections(within_open_files(limits, name), name)
    try:
        _Server(config, listener, connections, stop, health, drain, tls, started).run()
    finally:
        if health is not None:
            health.ended(name)


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        connections: Connections,
        stop: Stop,
        health: Health | None,
        drain: float,
        tls: Context | None,
        started: Callable[[int], None] | None,
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._connections = connections
        self._refusals = Refusals(connections.limits)
        self._stop = stop
        self._health = health
        self._drain = drain
        self._tls = tls
        self._started = started
        self._leave_at: float | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle no signals: a process may hold several servers, and `process.run_roles` stops them all."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # as uvicorn calls it
        """Accept connections; in place of uvicorn's own, which knows no limits."""
        loop = asyncio.get_running_loop()

        def connection() -> HttpConnection:
            return HttpConnection(self.config, self.server_state, self._connections, self._refusals, loop)

        if self._tls is None:
            self.servers = [await loop.create_server(connection, sock=self._listener, backlog=_BACKLOG)]
        else:
            self.servers = [TlsListener(self._listener, self._tls, connection, self._connections, loop)]  # type: ignore[list-item]  # uvicorn closes it, and no more
        self.started = True
        if self._started is not None:
            self._started(self._listener.getsockname()[1])

    async def on_tick(self, counter: int) -> bool:
        """Return whether to exit; uvicorn asks ten times a second."""
        self._connections.tick()
        if self._leave_at is None and self._stop.is_set():
            self._connections.draining = True
            if self._health is not None:
                self._health.drain()
                self._health.ended(self._connections.server)
            self._leave_at = monotonic() + self._drain
        elif self._leave_at is None and self._health is not None:
            self._health.beat(self._connections.server)
        if self._leave_at is not None and monotonic() >= self._leave_at:
            return True
        return await super().on_tick(counter)


def within_open_files(limits: ConnectionLimits, name: str) -> ConnectionLimits:
    """Return `limits` with no more connections than this process may open; a server out of files serves nobody."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return limits
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = int(files * _FILES_SHARE)
    if files == resource.RLIM_INFINITY or limits.connections <= most:
        return limits
    _LOG.warning(
        "fewer connections than set, for want of open files", server=name, connections=most, files=files
    )
    return replace(limits, connections=most)
