"""Shared by both clients: channel options, token source, retries, error translation."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError

from aether_adapters.grpc.metadata import SERVICE_AUTHORIZATION
from aether_adapters.grpc.method import Method
from aether_adapters.grpc.status import DETAILS, METADATA_LIMIT_BYTES, OVERLOADED, error_of
from aether_adapters.grpc.tls import refusal
from aether_adapters.kernel.errors import Kind, Malformed, Unavailable
from aether_adapters.kernel.identity import TOKEN
from aether_adapters.kernel.problems import RemoteError, RemoteOverloaded
from aether_adapters.kernel.retry_budget import RetryBudget

Request = TypeVar("Request")
Response = TypeVar("Response")

ATTEMPTS: Final = 2
"""Maximum number of calls of an idempotent method, as far as the channel's `RetryBudget` allows."""
_FIRST_PAUSE_SECONDS: Final = 0.05
"""Upper bound of the pause before the second attempt, doubled for each further one (full jitter, see
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""

_LOG_SECONDS: Final = 60.0
"""Pause between two log lines about one target."""
_LOGGED: Final[dict[str, float]] = {}
_UNANSWERED: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_LOG: Final = structlog.get_logger("aether.grpc")

_PING_TIMEOUT_MS: Final = 2_000

OPTIONS: Final = (
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    ("grpc.max_metadata_size", METADATA_LIMIT_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_LIMIT_BYTES),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    # A server that is frozen or cut off loses its connection within 3 s, and its calls fail while there is time to
    # repeat them at a replica. Outlier detection takes longer, and counts answers such as "sold out" as failures, so it
    # ejects sound replicas. Our servers allow such pings; those of others may answer with ENHANCE_YOUR_CALM, which
    # doubles the interval.
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", _PING_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Finds a restarted server within seconds; the default backs off to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
    # Otherwise channels with equal options share one connection.
    ("grpc.use_local_subchannel_pool", 1),
)


def endpoint(target: str) -> str:
    """Return `target` as a gRPC target; a bare `host:port` is resolved by DNS."""
    head = target.partition(":")[0]
    return target if head in {"dns", "ipv4", "ipv6", "unix", "xds"} else f"dns:///{target}"


def token_source(token: Callable[[], str] | None) -> Callable[[], str | None]:
    """Return the source of a call's token: `token`, else the token of the request being served."""
    return TOKEN.get if token is None else token


def no_token() -> None:
    """Return no token: the source of a process that vouches for nobody."""


def caller_stripper(method: Method[Request, Response]) -> Callable[[Request], Request]:
    """Return a function that clears a request's caller, which the server fills from the token."""
    if method.caller is None:
        return lambda request: request
    nobody = method.caller(subject="", roles=(), session="")

    def strip(request: Request) -> Request:
        if getattr(request, "caller", nobody) == nobody:
            return request
        return dataclasses.replace(request, caller=nobody)  # type: ignore[type-var] # any request is a dataclass

    return strip


def reader(method: Method[Request, Response]) -> Callable[[bytes], Response]:
    """Return the decoder of responses; an invalid one raises `RuntimeError`, as it is the server's fault."""
    decode, path = method.response.from_wire, method.path

    def read(data: bytes) -> Response:
        try:
            return decode(data)
        except (DecodeError, Malformed) as error:
            raise RuntimeError(f"{path} sent a response that violates its contract") from error

    return read


def translated(failure: Any, target: str, *, secure: bool) -> Exception:
    """Return the error to raise for a `grpc.RpcError` of either client; log why TLS with `target` failed, if it did.

    A refusal of this process's own token is `Unavailable`: whoever it serves cannot do anything about it.
    """
    text = failure.details() or ""
    reason = refusal(target, text, secure=secure) if failure.code() is grpc.StatusCode.UNAVAILABLE else None
    if reason is not None and _seldom(target):
        _LOG.warning("connection refused", target=target, reason=reason)
    trailers = dict(failure.trailing_metadata() or ())
    error = error_of(failure.code(), text, trailers.get(DETAILS))
    if isinstance(error, RemoteError) and OVERLOADED[0] in trailers:
        return RemoteOverloaded(error.problem)
    if failure.code() is grpc.StatusCode.UNAUTHENTICATED and text.startswith(SERVICE_AUTHORIZATION):
        if _seldom(target):
            _LOG.warning("token of this service refused", target=target, reason=text)
        return Unavailable("A required service is unavailable; try again.", retry_after=1.0)
    return error


def _seldom(target: str) -> bool:
    """Whether nothing was logged about `target` for a while."""
    now = time.monotonic()
    if now - _LOGGED.get(target, float("-inf")) < _LOG_SECONDS:
        return False
    _LOGGED[target] = now
    return True


def pause_before(
    attempt: int, attempts: int, error: Exception, deadline: float, budget: RetryBudget
) -> float | None:
    """Return the seconds to wait after failed attempt number `attempt`, or None to give up.

    `deadline` is the call's deadline on `time.monotonic()`. A server that sent a retry delay is not called
    again: only the original caller should wait. Waiting here would hold a thread in every service on the way,
    until the deadline if a database is down.
    """
    if attempt >= attempts:
        return None
    if isinstance(error, RemoteError):
        if error.kind is not Kind.UNAVAILABLE or error.problem.retry_after is not None:
            return None
    elif not isinstance(error, Unavailable):
        return None
    pause = random.uniform(0, _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))  # noqa: S311 # spreads load, hides nothing
    return pause if time.monotonic() + pause < deadline and budget.spend() else None


def was_answered(failure: Any) -> bool | None:
    """Whether the server did its part in a call that failed with this `grpc.RpcError`; None if nobody knows.

    A problem of its own, a refusal and a bug are answers. Without one, the server was not reached or not in time.
    """
    if failure.code() is grpc.StatusCode.CANCELLED:
        return None
    if failure.code() not in _UNANSWERED:
        return True
    return any(key == DETAILS for key, _ in failure.trailing_metadata() or ())
