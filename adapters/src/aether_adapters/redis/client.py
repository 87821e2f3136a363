"""Redis client with a bounded pool, whose every wait ends at the caller's deadline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from aether_adapters.kernel.deadline import remaining, within
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Unavailable
from aether_adapters.kernel.masking import masked_url
from aether_adapters.kernel.tls import NO_TLS, TlsFiles, refusal
from aether_adapters.kernel.urls import split_url
from aether_adapters.observability.certificates import ClientContext
from aether_adapters.observability.neighbours import watched
from aether_adapters.redis.connection import (
    NO_TIMEOUT_SECONDS,
    Pool,
    TcpConnection,
    TlsConnection,
    UnixConnection,
)
from aether_adapters.redis.refusals import ends_with_connection, state_of


@contextmanager
def translated(pool: redis.ConnectionPool | None = None) -> Iterator[None]:
    """Raise `Unavailable` or `DeadlineExceeded` if Redis cannot be reached, refuses every caller or responds too late.

    docs/failures.md lists the refusals; after most of them the connections of `pool` are replaced. Errors of a command
    (wrong type, script error) pass unchanged.
    """
    try:
        yield
    except (
        redis.ConnectionError,
        redis.TimeoutError,
        redis.exceptions.InvalidResponse,
        redis.ResponseError,
    ) as error:
        state = state_of(error)
        if state is None and isinstance(error, redis.ResponseError):
            raise
        if state is not None and isinstance(pool, Pool) and ends_with_connection(state):
            pool.renew()
        remaining(NO_TIMEOUT_SECONDS)
        raise Unavailable("Redis is unavailable.", retry_after=1.0, reason=_reason(state, error)) from error


def _reason(state: str | None, error: redis.RedisError) -> str:
    text = refusal("Redis", error) or str(error)
    if state in _CREDENTIALS:
        return (
            f"Redis refuses the user or the password of its URL, or what this user may do ({state}): {text}"
        )
    return text if state is None else f"Redis refuses for now ({state}): {text}"


_CREDENTIALS: Final = frozenset({"NOAUTH", "NOPERM", "WRONGPASS"})
_SLOW_TIMEOUTS: Final = 3.0
"""After so many timeouts a command is slow whatever delays it: less may be this process itself, which is busy."""
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


@contextmanager
def _asking(pool: redis.ConnectionPool) -> Iterator[None]:
    """Count the body as a call of the pool's neighbour, if it has one, and translate its errors."""
    neighbour = pool.neighbour if isinstance(pool, Pool) else None
    if neighbour is None:
        with translated(pool):
            yield
        return
    call = neighbour.enter()
    accepted: bool | None = True
    try:
        with translated(pool):
            yield
    except Exhausted:
        accepted = None  # no connection of ours was free
        raise
    except (Unavailable, DeadlineExceeded):
        accepted = False
        raise
    finally:
        neighbour.leave(call, accepted=accepted)


class Client(redis.Redis):
    """redis-py's client with the kit's errors: `Unavailable`, `Exhausted`, `DeadlineExceeded`.

    A read-only command is sent once more if its connection broke; any other may have been executed.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        with _asking(self.connection_pool):
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
        with _asking(self.connection_pool):
            answers: list[Any] = super().execute(raise_on_error)
            for answer in () if raise_on_error else answers:
                if isinstance(answer, redis.ResponseError) and state_of(answer) is not None:
                    raise answer
            return answers

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        # Not counted: `execute` loads its scripts so, and would wait for a second place while it has one.
        with translated(self.connection_pool):
            return super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def reset(self) -> None:  # type: ignore[override] # redis-py's own type: RESET is a command too
        try:
            super().reset()
        except (DeadlineExceeded, redis.RedisError):
            # UNWATCH was not sent or not answered: a connection that still watches must not serve the next caller.
            if self.connection is not None:
                self.connection.disconnect()  # type: ignore[no-untyped-call]
            self.watching = False
            super().reset()


def _context(url: str, tls: TlsFiles) -> ClientContext | None:
    """Return the context of `rediss://`; None if the address has parameters of its own for it, which redis-py reads."""
    if "ssl_" not in urlsplit(url).query:
        return ClientContext.of("redis", "Redis", tls)
    if tls:
        raise ValueError("TLS of Redis is set twice, by its address and by files; remove one.")
    return None


def connect(
    url: str,
    *,
    pool: int = 16,
    pool_seconds: float = 2.0,
    timeout_seconds: float = 5.0,
    connect_seconds: float = 2.0,
    tls: TlsFiles = NO_TLS,
    places: int | None = None,
) -> Client:
    """Create a client for `redis://`, `rediss://` or `unix://`; it connects on first use and returns bytes.

    `pool` is the maximum number of connections, `pool_seconds` the longest wait for one, `timeout_seconds`
    the limit of a command and `connect_seconds` that of connecting, unless the deadline is earlier. With `places` Redis is
    a `Neighbour`: so many commands wait for it, and none while it fails or answers too late. With `rediss://` the
    server's certificate and host name are verified, by the authorities of `tls` or the system's. Raises `ValueError` for
    any other address, or one that cannot be read, and for unusable certificate files.
    """
    scheme = url.partition("://")[0]
    kind = {"redis": TcpConnection, "rediss": TlsConnection, "unix": UnixConnection}.get(scheme)
    if kind is None:
        raise ValueError(
            f"{masked_url(url)!r}: use redis://host:port/0, rediss://... or unix:///path/to/socket"
        )
    if kind is not UnixConnection:
        split_url("Redis", url)
    more = {"context": _context(url, tls)} if kind is TlsConnection else {}
    if tls and not more:
        raise ValueError(
            f"Certificates are set for Redis, whose address begins with {scheme}://; use rediss://."
        )
    opened = Pool.from_url(
        url,
        connection_class=kind,
        **more,
        max_connections=pool,
        wait_seconds=pool_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=connect_seconds,
        socket_keepalive=True,
        # A command that redis-py would retry by itself may have been executed.
        retry=Retry(NoBackoff(), 0),
    )
    if places is not None:
        opened.neighbour = watched(
            "redis",
            places=places,
            slow_seconds=_SLOW_TIMEOUTS * timeout_seconds,
            probe=lambda: _ping(opened, timeout_seconds),
        )
    return Client(connection_pool=opened)


def _ping(pool: Pool, seconds: float) -> None:
    """Raise an exception unless Redis answers within `seconds`; not counted as a call of the neighbour."""
    with within(seconds):
        redis.Redis(connection_pool=pool).ping()
