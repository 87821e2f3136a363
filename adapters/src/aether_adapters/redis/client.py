"""Redis client with a bounded pool, whose every wait ends at the caller's deadline."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    BlockingConnectionPool,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.retry import Retry

from aether_adapters.kernel.deadline import DEADLINE, remaining
from aether_adapters.kernel.errors import Exhausted, Unavailable

_NO_TIMEOUT_SECONDS: Final = 3600.0


class _DeadlineConnection(AbstractConnection):
    """Connection whose reads and writes end at the deadline, or at its own timeout without one."""

    _limited = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        limit = self.socket_timeout or _NO_TIMEOUT_SECONDS
        if DEADLINE.get() is not None:
            self.update_current_socket_timeout(remaining(limit))
            self._limited = True
        elif self._limited:
            self.update_current_socket_timeout(limit)
            self._limited = False
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]

    def connect(self) -> None:
        limit = self.socket_connect_timeout
        self.socket_connect_timeout = remaining(limit or _NO_TIMEOUT_SECONDS)
        try:
            super().connect()  # type: ignore[no-untyped-call]
        finally:
            self.socket_connect_timeout = limit


class _TcpConnection(_DeadlineConnection, Connection):
    pass


class _TlsConnection(_DeadlineConnection, SSLConnection):
    pass


class _UnixConnection(_DeadlineConnection, UnixDomainSocketConnection):
    pass


class _Pool(BlockingConnectionPool):
    """Waits for a connection no longer than the deadline allows; raises `Exhausted` if none became free."""

    def __init__(self, *, wait_seconds: float, **settings: Any) -> None:
        self._wait_seconds = wait_seconds
        super().__init__(**settings)  # type: ignore[no-untyped-call]

    @property
    def timeout(self) -> float:
        return remaining(self._wait_seconds)

    @timeout.setter
    def timeout(self, _seconds: float) -> None:
        """Ignore the base class's default; `wait_seconds` applies."""

    def get_connection(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().get_connection(*arguments, **options)  # type: ignore[no-untyped-call]
        except redis.ConnectionError as error:
            if isinstance(error.__context__, queue.Empty):
                remaining(self._wait_seconds)
                raise Exhausted("Every Redis connection is busy.", retry_after=1.0) from error
            raise


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` or `DeadlineExceeded` if Redis cannot be reached or responds too late.

    Errors of a command (wrong type, script error) pass unchanged.
    """
    try:
        yield
    except redis.AuthenticationError:
        raise
    except (
        redis.ConnectionError,
        redis.TimeoutError,
        redis.exceptions.ReadOnlyError,
        redis.exceptions.TryAgainError,
    ) as error:
        remaining(_NO_TIMEOUT_SECONDS)
        raise Unavailable("Redis is unavailable.", retry_after=1.0) from error


_IDEMPOTENT: Final = frozenset(
    [
        "EXISTS",
        "GET",
        "HEXISTS",
        "HGET",
        "HGETALL",
        "HMGET",
        "LLEN",
        "LRANGE",
        "MGET",
        "PING",
        "PTTL",
        "SCARD",
        "SISMEMBER",
        "SMEMBERS",
        "TTL",
        "ZCARD",
        "ZRANGE",
        "ZRANGEBYSCORE",
        "ZSCORE",
    ]
)


class Client(redis.Redis):
    """redis-py's client with the kit's errors: `Unavailable`, `Exhausted`, `DeadlineExceeded`.

    A read-only command is sent once more if its connection broke; any other may have been executed.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        with translated():
            try:
                return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            except redis.TimeoutError:
                raise
            except redis.ConnectionError:
                if args[0] not in _IDEMPOTENT:
                    raise
                return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class Pipeline(redis.client.Pipeline):
    """redis-py's pipeline with the kit's errors."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        with translated():
            return super().execute(raise_on_error)

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        with translated():
            return super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]


def connect(
    url: str,
    *,
    pool: int = 16,
    pool_seconds: float = 2.0,
    timeout_seconds: float = 5.0,
    connect_seconds: float = 2.0,
) -> Client:
    """Create a client for `redis://`, `rediss://` or `unix://`; it connects on first use and returns bytes.

    `pool` is the maximum number of connections, `pool_seconds` the longest wait for one, `timeout_seconds`
    the limit of a command and `connect_seconds` that of connecting, unless the deadline is earlier. Raises
    `ValueError` for any other address.
    """
    kinds = {"redis": _TcpConnection, "rediss": _TlsConnection, "unix": _UnixConnection}
    kind = kinds.get(url.partition("://")[0])
    if kind is None:
        raise ValueError(f"{url!r}: use redis://host:port/0, rediss://... or unix:///path/to/socket")
    opened = _Pool.from_url(
        url,
        connection_class=kind,
        max_connections=pool,
        wait_seconds=pool_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=connect_seconds,
        socket_keepalive=True,
        # A command that redis-py would retry by itself may have been executed.
        retry=Retry(NoBackoff(), 0),
    )
    return Client(connection_pool=opened)
