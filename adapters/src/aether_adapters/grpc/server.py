"""Synchronous gRPC server with bounded threads, queues and calls, and a graceful shutdown."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

import grpc

from aether_adapters.grpc.admission import Admission
from aether_adapters.grpc.handler import Handler
from aether_adapters.grpc.health_service import SERVICE_NAME as HEALTH
from aether_adapters.grpc.health_service import HealthService
from aether_adapters.grpc.lane import Lane, Lanes
from aether_adapters.grpc.large_messages import LargeMessages
from aether_adapters.grpc.method import Service
from aether_adapters.grpc.reflection import ReflectionService
from aether_adapters.grpc.refusal import Refusal
from aether_adapters.grpc.status import METADATA_LIMIT_BYTES
from aether_adapters.grpc.tls import server_credentials
from aether_adapters.kernel.concurrency import Limiter
from aether_adapters.kernel.errors import DeadlineExceeded
from aether_adapters.kernel.identity import Verify
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.rate_limits import Limits
from aether_adapters.kernel.tls import NO_TLS, TlsFiles
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.observability.health import Health

_EXTRA_CALLS: Final = 256
"""Calls beyond threads and queue that one connection may have open, to be refused with a retry delay; a client keeps
further ones to itself."""
_HEADS: Final = 5000
"""Calls that have arrived and not been looked at yet, which takes about a second. Beyond these gRPC's core cancels calls at
random, whoever made them; beyond twice as many it cancels all. At its own limits, 1,000 and 3,000, a burst of 900 kB from
callers without a token cancelled one in three calls of everybody else."""
_EXPIRY_SECONDS: Final = 0.25
"""How often overdue calls are looked for."""


class Server:
    """Serves the methods of `services` on `address` (`host:port`; port 0 picks a free one, see `port`).

    Up to `threads` calls run and `queue` more wait; how many do adapts to what they need, see `kernel.concurrency`.
    Further calls, and those that waited for half of their time, get RESOURCE_EXHAUSTED with a retry delay. So do calls of an address that has `calls_per_address` already
    (0: any number) or exceed `limits`, unless a service's token vouches for them. `deadline` (seconds, from the head of a call) applies
    to calls without one, and to the arrival of the message of any call. `message_limit` is the maximum request size in
    bytes, also after decompression. At most `connections` are open. `reflection` tells whether tools may ask
    for the contract. `access_log` tells whether each call gets a line in the log. `share_port` lets several processes share the port. `tls` holds the server's certificate, and the authorities of clients if they must show one; without
    it the server speaks plain text. Raises `ValueError` for files that cannot be used.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        errors: ErrorTable,
        verify: Verify,
        health: Health,
        address: str,
        limits: Limits | None = None,
        threads: int = 16,
        queue: int = 64,
        deadline: float = 5.0,
        message_limit: int = 1024 * 1024,
        calls_per_address: int = 0,
        connections: int = 4096,
        reflection: bool = True,
        access_log: bool = True,
        share_port: bool = False,
        tls: TlsFiles = NO_TLS,
    ) -> None:
        self._started = False
        names = [service.name for service in services]
        refused = Refusal.of(Overloaded(), errors)
        late = Refusal.of(DeadlineExceeded("The message did not arrive in time."), errors)
        admission = Admission(
            limiter=Limiter(most=threads, queue=queue),
            half_open=4 * (threads + queue) + _EXTRA_CALLS,
            message_seconds=deadline,
            errors=errors,
            verify=verify,
            busy=refused,
            late=late,
            calls_per_address=calls_per_address,
            access_log=access_log,
        )
        self._health = HealthService(names, health.ready, busy=refused, late=late, message_seconds=deadline)
        self._lanes: list[Lane] = [admission, *self._health.lanes]
        large = LargeMessages(threads)
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            bound.method.path: grpc.unary_unary_rpc_method_handler(
                Handler(
                    bound,
                    errors=errors,
                    lane=admission,
                    deadline=deadline,
                    limits=limits or Limits(),
                    large=large,
                    access_log=access_log,
                )
            )
            for service in services
            for bound in service.methods
        }
        handlers |= self._health.handlers()
        if reflection:
            described = ReflectionService((*names, HEALTH), busy=refused, late=late)
            handlers |= described.handlers()
            self._lanes.append(described.lane)
        self._stopped = threading.Event()
        self._expirer = threading.Thread(target=self._expire, name="grpc-deadlines", daemon=True)
        self._server = grpc.server(
            cast("ThreadPoolExecutor", Lanes()),  # gRPC only calls `submit`
            handlers=[_Handlers(handlers)],
            options=(
                ("grpc.max_receive_message_length", message_limit),
                ("grpc.max_concurrent_streams", threads + queue + _EXTRA_CALLS),
                ("grpc.max_allowed_incoming_connections", connections),
                ("grpc.server_handshake_timeout_ms", 10_000),
                ("grpc.server.max_pending_requests", _HEADS),
                ("grpc.server.max_pending_requests_hard_limit", 2 * _HEADS),
                # By default two servers on one port would silently share its calls.
                ("grpc.so_reuseport", int(share_port)),
                # A token with many roles exceeds gRPC's default limit of 8 KiB.
                ("grpc.max_metadata_size", METADATA_LIMIT_BYTES),
                ("grpc.absolute_max_metadata_size", METADATA_LIMIT_BYTES),
                # Our clients ping every second, which gRPC's defaults treat as an attack.
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 500),
                # Clients resolve names again when a connection ends, so new replicas get their share.
                ("grpc.max_connection_age_ms", 300_000),
                ("grpc.max_connection_age_grace_ms", 60_000),
            ),
        )
        self.port: Final = (
            self._server.add_insecure_port(address)
            if not tls
            else self._server.add_secure_port(address, server_credentials(tls))
        )

    def start(self) -> None:
        """Accept calls, then check readiness; does nothing on a server that is running already."""
        if not self._started:
            self._started = True
            self._expirer.start()
            # First, because a probe may wait for a server that is frozen.
            self._server.start()
            self._health.start()

    def stop(self, grace: float = 5.0, *, drain: float = 0.0) -> None:
        """Report that the server is not ready, and go on for `drain` seconds; then take no new calls.

        Connections are told (GOAWAY), so that clients go elsewhere. Running calls get `grace` seconds, and the rest are
        cancelled; return when done.
        """
        self._health.drain()
        time.sleep(drain)
        # Bounded, so that the process ends even if grpcio's threads hang.
        self._server.stop(grace).wait(grace + 1.0)
        self._stopped.set()
        for lane in self._lanes:
            lane.stop()

    def _expire(self) -> None:
        while not self._stopped.wait(_EXPIRY_SECONDS):
            now = time.monotonic()
            for lane in self._lanes:
                lane.expire(now)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs only
    """Finds the handler of a method; its lane does the rest."""

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
    access_log: bool = True,
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
        access_log=access_log,
    )
    server.start()
    return server
