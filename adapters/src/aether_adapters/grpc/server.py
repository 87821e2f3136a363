"""Synchronous gRPC server with a bounded thread pool, a bounded queue and graceful shutdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

import grpc

from aether_adapters.grpc.handler import busy, handler, refusal
from aether_adapters.grpc.health_service import SERVICE_NAME as HEALTH
from aether_adapters.grpc.health_service import HealthService
from aether_adapters.grpc.method import Service
from aether_adapters.grpc.metrics import HANDLED
from aether_adapters.grpc.reflection import ReflectionService
from aether_adapters.grpc.status import METADATA_LIMIT_BYTES
from aether_adapters.grpc.thread_pool import CallPool
from aether_adapters.kernel.identity import Verify
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health

_EXTRA_CALLS: Final = 256
"""Refusals that may wait; gRPC itself refuses further calls, without a retry delay."""


class Server:
    """Serves the methods of `services` on `address` (`host:port`; port 0 picks a free one, see `port`).

    Up to `threads` calls run and `queue` more wait. Further calls, and those that waited for half of their
    time, get RESOURCE_EXHAUSTED with a retry delay. `deadline` (seconds) applies to calls without one.
    `message_limit` is the maximum request size in bytes. Without `credentials` the server uses plain-text
    HTTP/2.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        errors: ErrorTable,
        verify: Verify,
        health: Health,
        address: str,
        threads: int = 16,
        queue: int = 64,
        deadline: float = 5.0,
        message_limit: int = 1024 * 1024,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._pool = CallPool(threads, queue)
        self._refusals = ThreadPoolExecutor(1, thread_name_prefix="grpc-refusals")
        self._started = False
        names = [service.name for service in services]
        self._health = HealthService(names, health.ready)
        self._reflection = ReflectionService((*names, HEALTH))
        handlers = {
            bound.method.path: grpc.unary_unary_rpc_method_handler(
                handler(bound, errors=errors, verify=verify, deadline=deadline)
            )
            for service in services
            for bound in service.methods
        }
        refuse = refusal(
            errors.problem(busy()),
            self._refusals,
        )
        self._server = grpc.server(
            cast("ThreadPoolExecutor", self._pool),  # gRPC only calls `submit`
            handlers=[
                _Admission(handlers, self._pool, grpc.stream_unary_rpc_method_handler(refuse)),
                _BuiltInServices({**self._health.handlers(), **self._reflection.handlers()}),
            ],
            maximum_concurrent_rpcs=threads + queue + _EXTRA_CALLS,
            options=(
                ("grpc.max_receive_message_length", message_limit),
                # Otherwise two servers on one port would silently share its calls.
                ("grpc.so_reuseport", 0),
                # A token with many roles exceeds gRPC's default limit of 8 KiB.
                ("grpc.max_metadata_size", METADATA_LIMIT_BYTES),
                ("grpc.absolute_max_metadata_size", METADATA_LIMIT_BYTES),
                # Our clients ping every 30 s, which gRPC's defaults treat as an attack.
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                # Clients resolve names again when a connection ends, so new replicas get their share.
                ("grpc.max_connection_age_ms", 300_000),
                ("grpc.max_connection_age_grace_ms", 60_000),
            ),
        )
        self.port: Final = (
            self._server.add_insecure_port(address)
            if credentials is None
            else self._server.add_secure_port(address, credentials)
        )

    def start(self) -> None:
        """Accept calls; does nothing on a server that is running already."""
        if not self._started:
            self._started = True
            self._health.start()
            self._server.start()

    def stop(self, grace: float = 5.0) -> None:
        """Refuse new calls, wait `grace` seconds for running ones, cancel the rest; return when done."""
        self._health.drain()
        # Bounded, so that the process ends even if grpcio's threads hang.
        self._server.stop(grace).wait(grace + 1.0)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._refusals.shutdown(wait=False, cancel_futures=True)
        self._health.close()
        self._reflection.close()


class _Admission(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs only
    """Finds a call's handler; refuses the call while the pool is full.

    gRPC's own `maximum_concurrent_rpcs` also counts health checks, and refuses without a retry delay.
    """

    def __init__(
        self,
        handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]],
        pool: CallPool,
        refuse: grpc.RpcMethodHandler[Any, Any],
    ) -> None:
        self._handlers = handlers
        self._pool = pool
        self._refuse = refuse

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        found = self._handlers.get(handler_call_details.method)
        if found is None or not self._pool.full:
            return found
        service, _, name = handler_call_details.method.removeprefix("/").partition("/")
        HANDLED.labels(service, name, grpc.StatusCode.RESOURCE_EXHAUSTED.name).inc()
        return self._refuse


class _BuiltInServices(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs only
    """Serves health and reflection, also while the pool is full."""

    def __init__(self, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]) -> None:
        self._handlers = handlers

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._handlers.get(handler_call_details.method)


def serve(
    services: Sequence[Service],
    *,
    errors: ErrorTable,
    verify: Verify,
    health: Health,
    address: str,
    threads: int = 16,
    queue: int = 64,
    deadline: float = 5.0,
) -> Server:
    """Create a `Server` and start it."""
    server = Server(
        services,
        errors=errors,
        verify=verify,
        health=health,
        address=address,
        threads=threads,
        queue=queue,
        deadline=deadline,
    )
    server.start()
    return server
