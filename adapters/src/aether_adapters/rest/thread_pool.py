"""Bounded thread pool between the asyncio server and the synchronous use cases."""

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

_NO_DEADLINE_SECONDS: Final = float("inf")
"""Time of a call without a deadline."""

_Job = tuple[Context, Callable[[Any], Any], Any, float, "asyncio.Future[Any]"]


class Offload:
    """Runs synchronous functions in `threads` threads, with at most `queue` calls waiting.

    Raises `Exhausted` at once when the queue is full (an unbounded queue only turns overload into timeouts),
    and for a call that waited for half of its time. Each call inherits the caller's context variables:
    deadline, token, request id. A call whose deadline passed or whose caller left while it waited is never
    run.
    """

    def __init__(self, threads: int, queue: int, *, retry_after: float = 1.0) -> None:
        """`retry_after` is the wait that a refusal suggests, in seconds."""
        self._capacity = threads + queue
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
        """Number of calls that wait or run."""
        return self._pending

    def wrap(self, function: Callable[[Q], R], /) -> Callable[[Q], Coroutine[Any, Any, R]]:
        """Return an async version of `function` that runs it in the pool.

        It raises what `function` raises, `Exhausted` (see the class), `Unavailable` after `stop`, and
        `DeadlineExceeded` if the deadline passed while the call waited.
        """

        async def call(request: Q, /) -> R:
            future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            with self._lock:
                if self._stopping:
                    raise Unavailable("The service is stopping.", retry_after=self._retry_after)
                if self._pending >= self._capacity:
                    raise self._exhausted()
                self._pending += 1
                self._jobs.put((copy_context(), function, request, monotonic(), future))
            return await future

        return call

    def stop(self, grace: float = 10.0) -> bool:
        """Refuse new calls and wait `grace` seconds for running ones; return whether all finished."""
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
            except RuntimeError:  # the loop has closed: nobody awaits the result
                continue
            finally:
                del job, context, request, future, result, error

    def _in_time(self, function: Callable[[Any], Any], request: Any, since: float) -> Any:
        if monotonic() - since > remaining(_NO_DEADLINE_SECONDS):
            # Started now, it would probably exceed its deadline and leave the caller without a result; refuse
            # instead.
            raise self._exhausted()
        return function(request)

    def _exhausted(self) -> Exhausted:
        return Exhausted("The service is at its limit; try again shortly.", retry_after=self._retry_after)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # Future.set_exception refuses it
        future.set_exception(RuntimeError("StopIteration left a use case"))
    else:
        future.set_exception(error)
