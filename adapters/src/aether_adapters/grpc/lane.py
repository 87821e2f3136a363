"""A lane of the gRPC server: its own threads, queue and bounds for one kind of call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Executor
from typing import Any, Final

import structlog

from aether_adapters.grpc.refusal import Refusal
from aether_adapters.grpc.rpc_call import RpcCall
from aether_adapters.kernel.concurrency import FixedLimiter, Limiter
from aether_adapters.kernel.work_pool import WorkPool

_LOG: Final = structlog.get_logger("aether.grpc")


class Lane:
    """Runs calls in the threads that its limiter allows; up to `half_open` calls wait for their message without one.

    Without a `limiter` it has `threads` and a queue of `queue`. A call is refused with `busy` if there is no room for it. Beyond `half_open` the oldest call without a message is
    refused, so that such calls never keep others out. After `message_seconds` from its head a call whose message has
    not come is refused with `late`. `streaming` calls have no first message to wait for; they are cut off after
    `stream_seconds`, if that is not 0.
    """

    def __init__(
        self,
        name: str,
        *,
        threads: int = 0,
        queue: int = 0,
        limiter: Limiter | None = None,
        busy: Refusal,
        late: Refusal,
        half_open: int = 256,
        message_seconds: float = 5.0,
        stream_seconds: float = 0.0,
    ) -> None:
        self._half_open = half_open
        self._message_seconds = message_seconds
        self._stream_seconds = stream_seconds
        self._busy = busy
        self._late = late
        self._guard = threading.Lock()
        self._waiting: OrderedDict[RpcCall, None] = OrderedDict()
        """Calls without their message, oldest first; whoever takes a call out owns it."""
        self._streams: OrderedDict[RpcCall, None] = OrderedDict()
        self._pool = WorkPool(name, limiter or FixedLimiter(threads, queue))

    def admits(self, call: RpcCall) -> bool:
        """Whether there is room for a call."""
        return self._pool.admits(call.criticality)

    def begin(self, call: RpcCall, /) -> None:
        """Wait for the message of a call that may be answered; refuse it while there is no room for it."""
        if not self.admits(call):
            self.refuse(call, self._busy)
        elif self._stream_seconds:
            with self._guard:
                self._streams[call] = None
            self.ready(call)
        else:
            self.wait(call)

    def wait(self, call: RpcCall, /) -> None:
        """Wait for a call's message without a thread."""
        oldest = None
        with self._guard:
            self._waiting[call] = None
            if len(self._waiting) > self._half_open:
                oldest, _ = self._waiting.popitem(last=False)
        if oldest is not None:
            self.refuse(oldest, self._busy)
        if oldest is not call:
            call.receive(self)

    def arrived(self, call: RpcCall, /) -> None:
        """Queue a call whose message has arrived, unless it was refused meanwhile."""
        with self._guard:
            if call not in self._waiting:
                return
            del self._waiting[call]
        if call.take_message():
            self.ready(call)
        else:
            call.leave()

    def ready(self, call: RpcCall, /) -> None:
        """Queue a call whose message has arrived for a thread."""
        if not self._pool.submit(_InThread(self, call), call.criticality):
            self._ended(call)
            self.refuse(call, self._busy)

    def expire(self, now: float) -> None:
        """Refuse the calls whose message is overdue, and cut off streams that are too old; `now` is `time.monotonic()`."""
        for call in self._older(self._waiting, now - self._message_seconds):
            self.refuse(call, self._late)
        for call in self._older(self._streams, now - self._stream_seconds):
            self.refuse(call, self._late)

    def _older(self, calls: OrderedDict[RpcCall, None], than: float) -> list[RpcCall]:
        with self._guard:
            old = []
            for call in calls:
                if call.since > than:
                    break
                old.append(call)
            for call in old:
                del calls[call]
        return old

    def refuse(self, call: RpcCall, refusal: Refusal) -> None:
        """End a call of this lane with `refusal`."""
        call.refuse(refusal)

    def run(self, call: RpcCall) -> bool:
        """Run a call in this thread; return whether there was anything to do."""
        try:
            return call.run()
        except Exception:
            _LOG.exception("gRPC failed around a call")
            return True
        finally:
            self._ended(call)

    def stop(self) -> None:
        """End the threads after the calls queued so far."""
        self._pool.stop()

    def _ended(self, call: RpcCall) -> None:
        if self._streams:
            with self._guard:
                self._streams.pop(call, None)


class _InThread:
    """A call of a lane as a job of its pool."""

    __slots__ = ("_call", "_lane", "operation")

    def __init__(self, lane: Lane, call: RpcCall) -> None:
        self.operation: object = call.behaviour
        self._lane = lane
        self._call = call

    def run(self, _waited: float) -> bool:
        return self._lane.run(self._call)

    def done(self) -> None:
        pass


class Lanes(Executor):
    """What grpcio takes for its thread pool: it passes each call to the lane of its handler."""

    def submit(self, fn: Any, /, *args: Any, **_: object) -> Any:
        """Begin a call. Never blocks: gRPC's only event thread runs this, with the state of the call locked."""
        call = RpcCall(fn, args)
        call.behaviour.lane.begin(call)
        return call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: the server stops its lanes."""
