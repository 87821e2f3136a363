"""What both clients do alike: options, tokens, retries."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError

from aether_adapters.grpc.method import Method
from aether_adapters.grpc.status import DETAILS, METADATA_LIMIT_BYTES, error_of
from aether_adapters.kernel.errors import Kind, Malformed, Unavailable
from aether_adapters.kernel.identity import TOKEN
from aether_adapters.kernel.problems import RemoteError

Request = TypeVar("Request")
Response = TypeVar("Response")

ATTEMPTS: Final = 3
"""How often an idempotent method is called at most."""
_FIRST_PAUSE_SECONDS: Final = 0.05
"""Seconds before the second attempt, at most; doubled before each further one (full jitter, as
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ has it)."""

OPTIONS: Final = (
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    ("grpc.max_metadata_size", METADATA_LIMIT_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_LIMIT_BYTES),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    # A connection that died without a word is found within 40 s, also between calls.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A server that comes back is found within seconds; the default backs off to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
    # Channels of one process with equal options would share one connection.
    ("grpc.use_local_subchannel_pool", 1),
)


def endpoint(target: str) -> str:
    """`target` as gRPC wants it; a bare `host:port` is looked up in DNS."""
    head = target.partition(":")[0]
    return target if head in {"dns", "ipv4", "ipv6", "unix", "xds"} else f"dns:///{target}"


def token_source(token: Callable[[], str] | None) -> Callable[[], str | None]:
    """Where a call's token comes from: this process's own, or the request being served."""
    return TOKEN.get if token is None else token


def emptier(method: Method[Request, Response]) -> Callable[[Request], Request]:
    """What takes the caller out of a request: the server fills it from the token and refuses another."""
    if method.caller is None:
        return lambda request: request
    nobody = method.caller(subject="", roles=(), session="")

    def strip(request: Request) -> Request:
        if getattr(request, "caller", nobody) == nobody:
            return request
        return dataclasses.replace(request, caller=nobody)  # type: ignore[type-var] # any request is a dataclass

    return strip


def reader(method: Method[Request, Response]) -> Callable[[bytes], Response]:
    """What reads an answer. One that breaks the contract is the server's fault, never the caller's."""
    decode, path = method.response.from_wire, method.path

    def read(data: bytes) -> Response:
        try:
            return decode(data)
        except (DecodeError, Malformed) as error:
            raise RuntimeError(f"{path} answered something that its contract does not allow") from error

    return read


def translated(failure: Any) -> Exception:
    """The error to raise for a `grpc.RpcError`, of either client."""
    details = next((value for key, value in failure.trailing_metadata() or () if key == DETAILS), None)
    return error_of(failure.code(), failure.details() or "", details)


def pause_before(attempt: int, attempts: int, error: Exception, ends: float) -> float | None:
    """Seconds to wait after failed attempt number `attempt`; None where there shall be no further one.

    `ends` is when the call must be answered, on `time.monotonic()`. A server that says when to come back is not asked
    again: that is for whoever began the request. To wait for it here would hold a thread at each service on the way,
    and all of them until the deadline when a database is away.
    """
    if attempt >= attempts:
        return None
    if isinstance(error, RemoteError):
        if error.kind is not Kind.UNAVAILABLE or error.problem.retry_after is not None:
            return None
    elif not isinstance(error, Unavailable):
        return None
    pause = random.uniform(0, _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))  # noqa: S311 # spreads load, hides nothing
    return pause if time.monotonic() + pause < ends else None
