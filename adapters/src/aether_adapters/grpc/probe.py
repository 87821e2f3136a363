"""Readiness probe for another gRPC server, over its health service."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from grpc_health.v1.health import SERVICE_NAME
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from aether_adapters.grpc.retry import OPTIONS, endpoint
from aether_adapters.kernel.errors import Unavailable


def probe(
    target: str, *, seconds: float = 1.0, credentials: grpc.ChannelCredentials | None = None
) -> Callable[[], None]:
    """Return a probe that raises `kernel.errors.Unavailable` unless the server at `target` is ready.

    All calls share one connection, which the first call opens and which reconnects by itself.
    """
    channel = (
        grpc.insecure_channel(endpoint(target), OPTIONS)
        if credentials is None
        else grpc.secure_channel(endpoint(target), credentials, OPTIONS)
    )
    check: grpc.UnaryUnaryMultiCallable[HealthCheckRequest, HealthCheckResponse] = channel.unary_unary(
        f"/{SERVICE_NAME}/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )

    def ask() -> None:
        try:
            answer = check(HealthCheckRequest(), timeout=seconds)
        except grpc.RpcError as failure:
            raise Unavailable(f"{target} does not respond: {failure.code().name}") from failure
        if answer.status != HealthCheckResponse.SERVING:
            raise Unavailable(f"{target} is not ready")

    return ask
