"""Standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).

It answers without threads: a busy service is healthy and must not be restarted, and no client can hold a thread that
answers another one.

grpcio-health-checking's servicer can deadlock the server: `set` holds a lock while it waits for grpcio's
event thread to send, and that thread takes the same lock when a watcher leaves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1.health import OVERALL_HEALTH, SERVICE_NAME
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from aether_adapters.grpc.lane import Lane
from aether_adapters.grpc.peer import AddressCap, address_of
from aether_adapters.grpc.refusal import Refusal
from aether_adapters.grpc.rpc_call import RpcCall

__all__ = ["SERVICE_NAME", "HealthService"]

_SERVING: Final = HealthCheckResponse.SERVING
_NOT_SERVING: Final = HealthCheckResponse.NOT_SERVING
_UNKNOWN: Final = HealthCheckResponse.SERVICE_UNKNOWN
_UNKNOWN_SERVICE: Final = Refusal(grpc.StatusCode.NOT_FOUND, "This server has no such service.")
_MALFORMED: Final = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "The message cannot be decoded.")
_MAX_WATCHERS: Final = 1024
_MAX_WATCHERS_OF_ADDRESS: Final = 64


@dataclass(eq=False, slots=True)
class _Watcher:
    service: str
    call: RpcCall
    sent: int | None = None


class HealthService:
    """Reports SERVING for the process and `services` while `ready()` holds; checks every `interval` seconds.

    Each address may have 64 watchers. `busy` refuses further ones, and `late` a call whose message has not come after
    `message_seconds`.
    """

    def __init__(
        self,
        services: Iterable[str],
        ready: Callable[[], bool],
        *,
        busy: Refusal,
        late: Refusal,
        message_seconds: float = 5.0,
        interval: float = 1.0,
    ) -> None:
        self._names = frozenset((OVERALL_HEALTH, *services))
        self._ready = ready
        self._interval = interval
        self._status = _NOT_SERVING
        self._watchers: set[_Watcher] = set()
        self._addresses = AddressCap(_MAX_WATCHERS_OF_ADDRESS)
        self._busy = busy
        self._lock = threading.RLock()
        """Guards status, watchers and stopping; no code blocks while it holds the lock."""
        self._stopping = threading.Event()
        self.lanes: Final = tuple(
            _Answering(answer, busy=busy, late=late, message_seconds=message_seconds)
            for answer in (self._check, self._watch)
        )
        """The lanes of Check and Watch: calls of one kind are no burden for the other."""
        self._checker = threading.Thread(target=self._check_periodically, name="grpc-readiness", daemon=True)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Return the handlers of Check and Watch."""
        check, watch = (_InLane(lane) for lane in self.lanes)
        return {
            f"/{SERVICE_NAME}/Check": grpc.unary_unary_rpc_method_handler(check),
            f"/{SERVICE_NAME}/Watch": grpc.unary_stream_rpc_method_handler(watch),
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

    def _check(self, call: RpcCall, service: str) -> None:
        status = self._status_of(service)
        if status == _UNKNOWN:
            call.refuse(_UNKNOWN_SERVICE)
        else:
            call.answer(HealthCheckResponse(status=status).SerializeToString())

    def _watch(self, call: RpcCall, service: str) -> None:
        call.address = address_of(call.peer())
        watcher = _Watcher(service, call)
        with self._lock:
            full = len(self._watchers) >= _MAX_WATCHERS
        if full or not self._addresses.take(call):
            call.refuse(self._busy)
            return
        call.leave()
        with self._lock:
            if call.when_over(lambda: self._remove(watcher)):
                self._watchers.add(watcher)
                self._send_status(watcher)

    def _check_periodically(self) -> None:
        while not self._stopping.wait(self._interval):
            self._check_readiness()

    def _check_readiness(self) -> None:
        status = _SERVING if self._ready() else _NOT_SERVING
        with self._lock:
            if not self._stopping.is_set():
                self._change(status)

    def _change(self, status: Any) -> None:
        """Set the status and tell the watchers; the caller holds the lock."""
        if status != self._status:
            self._status = status
            for watcher in self._watchers:
                self._send_status(watcher)

    def _send_status(self, watcher: _Watcher) -> None:
        """Send the status if it differs from the last one sent; the caller holds the lock. Never waits for the client."""
        status = self._status_of(watcher.service)
        if status != watcher.sent:
            watcher.sent = status
            watcher.call.send(HealthCheckResponse(status=status).SerializeToString())

    def _remove(self, watcher: _Watcher) -> None:
        with self._lock:
            self._watchers.discard(watcher)

    def _status_of(self, service: str) -> Any:
        return self._status if service in self._names else _UNKNOWN


class _Answering(Lane):
    """A lane without threads: `answer` takes each call on gRPC's event thread."""

    def __init__(
        self,
        answer: Callable[[RpcCall, str], None],
        *,
        busy: Refusal,
        late: Refusal,
        message_seconds: float,
    ) -> None:
        super().__init__(
            "grpc-health", threads=0, queue=1, busy=busy, late=late, message_seconds=message_seconds
        )
        self._answer = answer

    def ready(self, call: RpcCall, /) -> None:
        """Answer a call whose message has arrived."""
        try:
            service = HealthCheckRequest.FromString(call.message or b"").service
        except DecodeError:
            call.refuse(_MALFORMED)
        else:
            self._answer(call, service)


@dataclass(frozen=True, slots=True)
class _InLane:
    """What grpcio holds for a handler; the lane answers instead, so it is never called."""

    lane: Lane

    def __call__(self, *_: object) -> Any:
        raise AssertionError("the lane answers")
