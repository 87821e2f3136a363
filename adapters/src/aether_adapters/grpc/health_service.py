"""Standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).

It answers from its own threads: a busy service is healthy and must not be restarted.

grpcio-health-checking's servicer can deadlock the server: `set` holds a lock while it waits for grpcio's
event thread to send, and that thread takes the same lock when a watcher leaves.
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
    sent: int | None = None


class HealthService:
    """Reports SERVING for the process and `services` while `ready()` holds; checks every `interval` seconds."""

    def __init__(self, services: Iterable[str], ready: Callable[[], bool], *, interval: float = 1.0) -> None:
        self._names = frozenset((OVERALL_HEALTH, *services))
        self._ready = ready
        self._interval = interval
        self._status = _NOT_SERVING
        self._watchers: set[_Watcher] = set()
        self._lock = threading.Lock()
        """Guards status, watchers and stopping; no code blocks while it holds the lock."""
        self._stopping = threading.Event()
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="grpc-health")
        # One thread, so that each watcher gets the changes in order.
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="grpc-health-watch")
        self._checker = threading.Thread(target=self._check_periodically, name="grpc-readiness", daemon=True)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Return the handlers of Check and Watch; a watcher occupies no thread."""

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
            if context.add_callback(lambda: self._remove(watcher)):
                self._send_status(watcher)
            else:
                self._remove(watcher)

        behaviours: list[Any] = [check, watch]  # grpcio reads these settings from attributes of the functions
        behaviours[0].experimental_thread_pool = self._checks
        behaviours[1].experimental_thread_pool = self._sender
        behaviours[1].experimental_non_blocking = True
        codec = (HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString)
        return {
            f"/{SERVICE_NAME}/Check": grpc.unary_unary_rpc_method_handler(check, *codec),
            f"/{SERVICE_NAME}/Watch": grpc.unary_stream_rpc_method_handler(behaviours[1], *codec),
        }

    def start(self) -> None:
        """Check readiness once, so that the first answer is correct, then check periodically."""
        self._check_readiness()
        self._checker.start()

    def drain(self) -> None:
        """Report NOT_SERVING from now on, also to watchers."""
        with self._lock:
            if not self._stopping.is_set():
                self._stopping.set()
                self._change(_NOT_SERVING)

    def close(self) -> None:
        """Release the threads; call it after `drain`."""
        self._checks.shutdown(wait=False, cancel_futures=True)
        self._sender.shutdown(wait=False, cancel_futures=True)

    def _check_periodically(self) -> None:
        while not self._stopping.wait(self._interval):
            self._check_readiness()

    def _check_readiness(self) -> None:
        status = _SERVING if self._ready() else _NOT_SERVING
        with self._lock:
            if not self._stopping.is_set():
                self._change(status)

    def _change(self, status: Any) -> None:
        """Set the status; the caller holds the lock. Sending blocks, so the sender thread does it."""
        if status != self._status:
            self._status = status
            self._sender.submit(self._send_to_all)

    def _send_to_all(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for watcher in watchers:
            self._send_status(watcher)

    def _send_status(self, watcher: _Watcher) -> None:
        """Send the status if it differs from the last one sent; runs in the sender thread."""
        status = self._status_of(watcher.service)
        if status != watcher.sent:
            watcher.sent = status
            watcher.send(HealthCheckResponse(status=status))

    def _remove(self, watcher: _Watcher) -> None:
        with self._lock:
            self._watchers.discard(watcher)

    def _status_of(self, service: str) -> Any:
        return self._status if service in self._names else _UNKNOWN
