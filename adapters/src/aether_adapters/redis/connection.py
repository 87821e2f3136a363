"""Connections to Redis and their pool: every wait ends at the caller's deadline, and none is kept half open."""

from __future__ import annotations

import queue
import socket
import time
from typing import Any, Final

import redis
from redis.connection import (
    AbstractConnection,
    BlockingConnectionPool,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)

from aether_adapters.kernel.deadline import DEADLINE, remaining
from aether_adapters.kernel.errors import Exhausted
from aether_adapters.kernel.neighbour import Neighbour
from aether_adapters.observability.certificates import ClientContext

NO_TIMEOUT_SECONDS: Final = 3600.0
_RENEWAL_INTERVAL_SECONDS: Final = 1.0
"""Shortest time between two renewals of a pool: a server that goes on refusing must not be flooded with handshakes."""


class _DeadlineConnection(AbstractConnection):
    """Connection whose reads and writes end at the deadline, or at its own timeout without one."""

    pool: Pool | None = None
    generation = 0
    _limited = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        limit = self.socket_timeout or NO_TIMEOUT_SECONDS
        if DEADLINE.get() is not None:
            self.update_current_socket_timeout(remaining(limit))
            self._limited = True
        elif self._limited:
            self.update_current_socket_timeout(limit)
            self._limited = False
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]

    def connect(self) -> None:
        if self.pool is not None and self.generation != self.pool.generation:
            self.disconnect()  # type: ignore[no-untyped-call]
        super().connect()  # type: ignore[no-untyped-call]

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        if self._sock:
            return
        generation = self.pool.generation if self.pool is not None else 0
        limit = self.socket_connect_timeout
        self.socket_connect_timeout = remaining(limit or NO_TIMEOUT_SECONDS)
        try:
            super().connect_check_health(check_health, retry_socket_connect)
        except BaseException:
            # redis-py closes the socket after its own errors only. After a deadline it would stay in the pool without
            # AUTH, which is refused from then on, or without SELECT, which is worse: commands reach another database.
            self.disconnect()  # type: ignore[no-untyped-call]
            raise
        finally:
            self.socket_connect_timeout = limit
        self.generation = generation


class TcpConnection(_DeadlineConnection, Connection):
    """Connection for `redis://`."""


class TlsConnection(_DeadlineConnection, SSLConnection):
    """Connection for `rediss://`; all connections share `context`, if there is one, instead of loading files anew."""

    def __init__(self, *, context: ClientContext | None = None, **settings: Any) -> None:
        self._context = context
        super().__init__(**settings)

    # If redis-py renames this method, connections ignore `context`: a test with an authority of its own would fail.
    def _wrap_socket_with_ssl(self, sock: socket.socket) -> socket.socket:
        sock.settimeout(remaining(self.socket_timeout or NO_TIMEOUT_SECONDS))
        if self._context is None:
            wrapped: socket.socket = super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
        else:
            wrapped = self._context().wrap_socket(sock, server_hostname=self.host)
        wrapped.settimeout(self.socket_timeout)
        return wrapped


class UnixConnection(_DeadlineConnection, UnixDomainSocketConnection):
    """Connection for `unix://`."""


class Pool(BlockingConnectionPool):
    """Waits for a connection no longer than the deadline allows; raises `Exhausted` if none became free."""

    def __init__(self, *, wait_seconds: float, **settings: Any) -> None:
        self._wait_seconds = wait_seconds
        self._renewed_at = float("-inf")
        self.generation = 0
        self.neighbour: Neighbour | None = None
        super().__init__(**settings)  # type: ignore[no-untyped-call]

    @property
    def timeout(self) -> float:
        return remaining(self._wait_seconds)

    @timeout.setter
    def timeout(self, _seconds: float) -> None:
        """Ignore the base class's default; `wait_seconds` applies."""

    def make_connection(self) -> Any:
        connection = super().make_connection()  # type: ignore[no-untyped-call]
        connection.pool = self
        return connection

    def get_connection(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().get_connection(*arguments, **options)  # type: ignore[no-untyped-call]
        except redis.ConnectionError as error:
            if isinstance(error.__context__, queue.Empty):
                remaining(self._wait_seconds)
                raise Exhausted("Every Redis connection is busy.", retry_after=1.0) from error
            raise

    def release(self, connection: Any) -> None:
        if connection.generation != self.generation:
            connection.disconnect()
        super().release(connection)  # type: ignore[no-untyped-call]

    def renew(self) -> None:
        """Replace every connection: idle ones now, the others when they come back; at most once a second."""
        now = time.monotonic()
        if now - self._renewed_at < _RENEWAL_INTERVAL_SECONDS:
            return
        self._renewed_at = now
        self.generation += 1
        idle = list[Any]()
        try:
            while True:
                idle.append(self.pool.get_nowait())
        except queue.Empty:
            pass
        for connection in reversed(idle):
            if connection is not None:
                connection.disconnect()
            self.pool.put_nowait(connection)
