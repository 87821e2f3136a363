"""The standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).

It answers from threads of its own: a busy service is not a sick one, and must not be restarted for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from grpc_health.v1.health import OVERALL_HEALTH, SERVICE_NAME, HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

__all__ = ["SERVICE_NAME", "HealthService"]

_SERVING: Final = HealthCheckResponse.SERVING
_NOT_SERVING: Final = HealthCheckResponse.NOT_SERVING


class HealthService:
    """Says SERVING for the process and each of `services` while `ready` does, asked every `interval` seconds."""

    def __init__(self, services: Iterable[str], ready: Callable[[], bool], *, interval: float = 1.0) -> None:
        self._names = (OVERALL_HEALTH, *services)
        self._ready = ready
        self._interval = interval
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="grpc-health")
        self._servicer = HealthServicer(experimental_non_blocking=True)
        self._follower = threading.Thread(target=self._follow, name="grpc-readiness", daemon=True)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Check and Watch; a watcher occupies no thread."""

        def check(request: Any, context: grpc.ServicerContext) -> Any:
            return self._servicer.Check(request, context)

        def watch(request: Any, context: grpc.ServicerContext, send: Callable[[Any], None]) -> None:
            self._servicer.Watch(request, context, send)

        pooled: list[Any] = [check, watch]
        for behaviour in pooled:
            behaviour.experimental_thread_pool = self._pool
        pooled[1].experimental_non_blocking = True
        codec = (HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString)
        return {
            f"/{SERVICE_NAME}/Check": grpc.unary_unary_rpc_method_handler(check, *codec),
            f"/{SERVICE_NAME}/Watch": grpc.unary_stream_rpc_method_handler(pooled[1], *codec),
        }

    def start(self) -> None:
        """Ask once, so that the first answer is a true one, and follow from then on."""
        self._ask()
        self._follower.start()

    def drain(self) -> None:
        """Say NOT_SERVING from now on, to watchers too."""
        self._stopping.set()
        self._servicer.enter_graceful_shutdown()

    def close(self) -> None:
        """Give the threads back."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _follow(self) -> None:
        while not self._stopping.wait(self._interval):
            self._ask()

    def _ask(self) -> None:
        status = _SERVING if self._ready() else _NOT_SERVING
        for name in self._names:
            self._servicer.set(name, status)
