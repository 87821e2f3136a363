"""Opening Redis: a bounded pool, and the caller's deadline as the limit of every wait."""

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


class _InTime(AbstractConnection):
    """A connection whose reads and writes end with the deadline; where there is none, with its own timeout."""

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


class _TcpInTime(_InTime, Connection):
    pass


class _TlsInTime(_InTime, SSLConnection):
    pass


class _UnixInTime(_InTime, UnixDomainSocketConnection):
    pass


class _Pool(BlockingConnectionPool):
    """Waits for a connection no longer than the deadline allows, and says so when none came free."""

    def __init__(self, *, wait_seconds: float, **settings: Any) -> None:
        self._wait_seconds = wait_seconds
        super().__init__(**settings)  # type: ignore[no-untyped-call]

    @property
    def timeout(self) -> float:
        return remaining(self._wait_seconds)

    @timeout.setter
    def timeout(self, _seconds: float) -> None:
        """The base class sets its own default; ours is `wait_seconds`."""

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
    """Turn a Redis that cannot be reached, or answers too late, into `Unavailable` or `DeadlineExceeded`.

    What Redis says about a command (a wrong type, a script's error) passes untouched.
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
        raise Unavailable("Redis is away.", retry_after=1.0) from error


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

    A command that only reads is sent once more when its connection broke; any other may have been done.
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
    """A client for `redis://`, `rediss://` or `unix://`; nothing is opened yet. Answers are bytes.

    `pool` bounds the connections and `pool_seconds` the wait for one; `timeout_seconds` bounds a command and
    `connect_seconds` the opening of a connection, each where no deadline is nearer. Raises `ValueError` for any
    other address.
    """
    kinds = {"redis": _TcpInTime, "rediss": _TlsInTime, "unix": _UnixInTime}
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
        # What redis-py would send again on its own may have been done the first time.
        retry=Retry(NoBackoff(), 0),
    )
    return Client(connection_pool=opened)
