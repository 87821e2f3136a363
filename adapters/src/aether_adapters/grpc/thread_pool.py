"""The threads that answer calls, and how many calls may wait for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from queue import SimpleQueue
from typing import Any, Final

import structlog

_LOG: Final = structlog.get_logger("aether.grpc")
_ANSWERING: Final = threading.local()


def waited() -> float:
    """Seconds that the call this thread answers waited for a thread; 0 in a thread of no pool."""
    return getattr(_ANSWERING, "waited", 0.0)


class CallPool(Executor):
    """Threads for a gRPC server, that know their load: calls running and waiting.

    The standard pool makes a `Future` with a condition of its own for each call and asks three locks; gRPC
    needs no more of it than to be told when a call is over. That is worth 5 % of a small call.
    """

    def __init__(self, threads: int, queue: int) -> None:
        """`queue` calls may wait before `full` says so."""
        self._capacity = threads + queue
        self._load = 0
        self._guard = threading.Lock()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"grpc-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def full(self) -> bool:
        """Whether one more call would find every place in the queue taken."""
        return self._load >= self._capacity

    def submit(self, fn: Callable[..., object], /, *args: object, **_: object) -> Any:
        """Run `fn(*args)` in a thread; never refuses, because who asked `full` decides."""
        call = _Call(fn, args)
        with self._guard:
            self._load += 1
        self._calls.put(call)
        return call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 # Executor's
        """End each thread after the calls submitted so far."""
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            _ANSWERING.waited = time.monotonic() - call.since
            try:
                call.fn(*call.args)
            except Exception:
                _LOG.exception("gRPC failed around a call")
            with self._guard:
                self._load -= 1
            call.over()
            del call


class _Call:
    """As much of a `Future` as gRPC asks for."""

    __slots__ = ("_callbacks", "_over", "args", "fn", "since")

    def __init__(self, fn: Callable[..., object], args: tuple[object, ...]) -> None:
        self.fn = fn
        self.args = args
        self.since = time.monotonic()
        self._over = False
        self._callbacks: list[Callable[[Any], object]] = []

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        """Have `callback` called once the call is over, or now if it is."""
        self._callbacks.append(callback)
        if self._over:
            self._settle()

    def over(self) -> None:
        """Tell who asked."""
        self._over = True
        self._settle()

    def _settle(self) -> None:
        # `over` and `add_done_callback` may meet here in two threads; a callback can be taken out only once.
        while self._callbacks:
            try:
                callback = self._callbacks.pop()
            except IndexError:
                return
            callback(self)
