"""The standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).

It answers from threads of its own: a busy service is not a sick one, and must not be restarted for it.

grpcio-health-checking's own servicer holds a lock while it waits for grpcio's event thread to have sent, and asks
for the same lock on that thread when a watcher leaves: when both meet, the server answers nobody any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc_health.v1.health import OVERALL_HEALTH, SERVICE_NAME
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

__all__ = ["SERVICE_NAME", "HealthService"]

_SERVING: Final = HealthCheckResponse.SERVING
_NOT_SERVING: Final = HealthCheckResponse.NOT_SERVING
_UNKNOWN: Final = HealthCheckResponse.SERVICE_UNKNOWN


@dataclass(eq=False, slots=True)
class _Watcher:
    service: str
    send: Callable[[Any], None]
    told: int | None = None


class HealthService:
    """Says SERVING for the process and each of `services` while `ready` does, asked every `interval` seconds."""

    def __init__(self, services: Iterable[str], ready: Callable[[], bool], *, interval: float = 1.0) -> None:
        self._names = frozenset((OVERALL_HEALTH, *services))
        self._ready = ready
        self._interval = interval
        self._status = _NOT_SERVING
        self._watchers: set[_Watcher] = set()
        self._lock = threading.Lock()
        """Guards the status, the watchers and the end; nothing waits for anything while it holds it."""
        self._stopping = threading.Event()
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="grpc-health")
        # One thread, so that each watcher is told of the changes in their order.
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="grpc-health-watch")
        self._follower = threading.Thread(target=self._follow, name="grpc-readiness", daemon=True)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Check and Watch; a watcher occupies no thread."""

        def check(request: Any, context: grpc.ServicerContext) -> Any:
            status = self._status_of(request.service)
            if status == _UNKNOWN:
                context.set_code(grpc.StatusCode.NOT_FOUND)
                return HealthCheckResponse()
            return HealthCheckResponse(status=status)

        def watch(request: Any, context: grpc.ServicerContext, send: Callable[[Any], None]) -> None:
            watcher = _Watcher(request.service, send)
            with self._lock:
                self._watchers.add(watcher)
            if context.add_callback(lambda: self._forget(watcher)):
                self._tell(watcher)
            else:
                self._forget(watcher)

        behaviours: list[Any] = [check, watch]  # grpcio reads its settings from the functions
        behaviours[0].experimental_thread_pool = self._checks
        behaviours[1].experimental_thread_pool = self._sender
        behaviours[1].experimental_non_blocking = True
        codec = (HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString)
        return {
            f"/{SERVICE_NAME}/Check": grpc.unary_unary_rpc_method_handler(check, *codec),
            f"/{SERVICE_NAME}/Watch": grpc.unary_stream_rpc_method_handler(behaviours[1], *codec),
        }

    def start(self) -> None:
        """Ask once, so that the first answer is a true one, and follow from then on."""
        self._ask()
        self._follower.start()

    def drain(self) -> None:
        """Say NOT_SERVING from now on, to watchers too."""
        with self._lock:
            if not self._stopping.is_set():
                self._stopping.set()
                self._change(_NOT_SERVING)

    def close(self) -> None:
        """Give the threads back, after `drain`."""
        self._checks.shutdown(wait=False, cancel_futures=True)
        self._sender.shutdown(wait=False, cancel_futures=True)

    def _follow(self) -> None:
        while not self._stopping.wait(self._interval):
            self._ask()

    def _ask(self) -> None:
        status = _SERVING if self._ready() else _NOT_SERVING
        with self._lock:
            if not self._stopping.is_set():
                self._change(status)

    def _change(self, status: Any) -> None:
        """With the lock held: the sending waits for grpcio, so it is left to the sender."""
        if status != self._status:
            self._status = status
            self._sender.submit(self._tell_all)

    def _tell_all(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for watcher in watchers:
            self._tell(watcher)

    def _tell(self, watcher: _Watcher) -> None:
        """On the sender's thread: the status, unless it is what the watcher was told last."""
        status = self._status_of(watcher.service)
        if status != watcher.told:
            watcher.told = status
            watcher.send(HealthCheckResponse(status=status))

    def _forget(self, watcher: _Watcher) -> None:
        with self._lock:
            self._watchers.discard(watcher)

    def _status_of(self, service: str) -> Any:
        return self._status if service in self._names else _UNKNOWN
