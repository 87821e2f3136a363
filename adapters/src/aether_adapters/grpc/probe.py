"""Readiness probe for another gRPC server, over its health service."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from aether_adapters.grpc.client import Channel
from aether_adapters.grpc.tls import refusal
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.tls import NO_TLS, TlsFiles


def probe(target: str, *, seconds: float = 1.0, tls: TlsFiles = NO_TLS) -> Callable[[], None]:
    """Return a probe that raises `kernel.errors.Unavailable` unless the server at `target` is ready.

    All calls share one connection, which the first call opens and which reconnects by itself. `tls` is as in `Channel`.
    """
    channel = Channel(target, tls=tls, connections=1)

    def ask() -> None:
        try:
            answer = HealthCheckResponse.FromString(channel.check_health(seconds))
        except grpc.RpcError as failure:
            reason = refusal(target, failure.details() or "", secure=bool(tls))
            raise Unavailable(reason or f"{target} does not respond: {failure.code().name}") from failure
        if answer.status != HealthCheckResponse.SERVING:
            raise Unavailable(f"{target} is not ready")

    return ask
