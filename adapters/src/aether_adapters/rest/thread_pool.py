"""A bounded pool of threads between the asyncio edge and the synchronous use cases."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from queue import SimpleQueue
from time import monotonic
from typing import Any, Final, TypeVar

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import Exhausted, Unavailable

Q = TypeVar("Q")
R = TypeVar("R")

_FOREVER: Final = float("inf")
"""Seconds that a call has which brings no deadline."""

_Job = tuple[Context, Callable[[Any], Any], Any, float, "asyncio.Future[Any]"]


class Offload:
    """Runs synchronous functions in at most `threads` threads, with at most `queue` calls waiting.

    One call more raises `Exhausted` at once: a queue that grows without bound only turns overload into
    timeouts. So does one whose turn comes when half of its time is gone. Each call sees the caller's context variables,
    so deadline, token and request id go along. A call whose deadline passed, or whose caller is gone, before its turn
    is never run.
    """

    def __init__(self, threads: int, queue: int, *, retry_after: float = 1.0) -> None:
        """`retry_after` is what a refused caller is told to wait, in seconds."""
        self._room = threads + queue
        self._retry_after = retry_after
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._pending = 0
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"offload-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pending(self) -> int:
        """Calls that wait or run."""
        return self._pending

    def wrap(self, function: Callable[[Q], R], /) -> Callable[[Q], Coroutine[Any, Any, R]]:
        """An async twin of `function`.

        It raises what `function` raises; `Exhausted` when the queue is full; `Unavailable` after `stop`;
        `DeadlineExceeded` when its turn came too late.
        """

        async def call(request: Q, /) -> R:
            future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            with self._lock:
                if self._stopping:
                    raise Unavailable("The service is stopping.", retry_after=self._retry_after)
                if self._pending >= self._room:
                    raise self._exhausted()
                self._pending += 1
                self._jobs.put((copy_context(), function, request, monotonic(), future))
            return await future

        return call

    def stop(self, grace: float = 10.0) -> bool:
        """Refuse new calls, let those inside finish for `grace` seconds; whether all did."""
        with self._lock:
            if not self._stopping:
                self._stopping = True
                for _ in self._threads:
                    self._jobs.put(None)
        end = monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            context, function, request, since, future = job
            result: Any = None
            error: BaseException | None = None
            try:
                if not future.cancelled():
                    result = context.run(self._in_time, function, request, since)
            except BaseException as raised:
                error = raised
            with self._lock:
                self._pending -= 1
            try:
                future.get_loop().call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop has closed: nobody waits for this answer any more
                continue
            finally:
                del job, context, request, future, result, error

    def _in_time(self, function: Callable[[Any], Any], request: Any, since: float) -> Any:
        if monotonic() - since > remaining(_FOREVER):
            # Begun this late it would likely end too late, its caller not knowing how: a refusal is an answer.
            raise self._exhausted()
        return function(request)

    def _exhausted(self) -> Exhausted:
        return Exhausted("The service is at its limit; try again shortly.", retry_after=self._retry_after)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # a future refuses it
        future.set_exception(RuntimeError("StopIteration left a use case"))
    else:
        future.set_exception(error)
