"""Threads between the asyncio server and the synchronous use cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, Final, TypeVar

from aether_adapters.kernel.concurrency import Limiter
from aether_adapters.kernel.criticality import Criticality, current
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.work_pool import Overloaded, WorkPool

Q = TypeVar("Q")
R = TypeVar("R")

_NO_DEADLINE_SECONDS: Final = float("inf")
"""Time of a call without a deadline."""


class Offload:
    """Runs synchronous functions in up to `threads` threads, with at most `queue` calls waiting.

    How many threads run and how many calls wait adapts, see `kernel.concurrency`. `Overloaded` is raised at once for a
    call that there is no room for, and for one that waited for half of its time. Each call inherits
    the caller's context variables: deadline, token, request id. A call whose deadline passed or whose caller left while
    it waited is never run.
    """

    def __init__(self, threads: int, queue: int) -> None:
        self._pool: Final = WorkPool("offload", Limiter(most=threads, queue=queue), led=True)

    @property
    def pending(self) -> int:
        """Number of calls that wait or run."""
        return self._pool.pending

    def admits(self, criticality: Criticality, ahead: int = 0) -> bool:
        """Whether a call would be taken after `ahead` others."""
        return self._pool.admits(criticality, ahead)

    def wrap(self, function: Callable[[Q], R], /) -> Callable[[Q], Coroutine[Any, Any, R]]:
        """Return an async version of `function` that runs it in a thread.

        It raises what `function` raises, `Overloaded` (see the class), `Unavailable` after `stop`, and
        `DeadlineExceeded` if the deadline passed while the call waited.
        """
        pool = self._pool

        async def call(request: Q, /) -> R:
            future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            job = _Call(pool, function, request, copy_context(), future)
            if not pool.submit(job, current()):
                if pool.stopping:
                    raise Unavailable("The service is stopping.", retry_after=1.0)
                raise Overloaded
            del job
            return await future

        return call

    def stop(self, grace: float = 10.0) -> bool:
        """Refuse new calls and wait `grace` seconds for running ones; return whether all finished."""
        self._pool.stop()
        return self._pool.join(grace)


class _Call:
    """A call of `function`, whose result a future awaits."""

    __slots__ = ("_context", "_error", "_function", "_future", "_pool", "_request", "_result", "operation")

    def __init__(
        self,
        pool: WorkPool,
        function: Callable[[Any], Any],
        request: object,
        context: Context,
        future: asyncio.Future[Any],
    ) -> None:
        self._pool = pool
        self.operation = id(function)  # a use case need not be hashable
        self._function = function
        self._request = request
        self._context = context
        self._future = future
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self, waited: float) -> bool:
        if self._future.cancelled():
            return False
        try:
            worked = self._context.run(_in_time, waited)
            if worked:
                self._result = self._context.run(self._function, self._request)
            else:
                self._error = Overloaded()
        except BaseException as raised:
            self._error = raised
            return True
        return worked

    def done(self) -> None:
        future, result, error = self._future, self._result, self._error
        # The error refers to frames that hold the request, and a finished call may live on in a frame.
        self._future = self._request = self._result = self._error = None  # type: ignore[assignment] # it runs once
        with suppress(RuntimeError):  # the loop has closed: nobody awaits the result
            future.get_loop().call_soon_threadsafe(_settle, self._pool, future, result, error)


def _in_time(waited: float) -> bool:
    """Return whether a call that waited has time left to be answered in; raises `DeadlineExceeded` if it has none."""
    return waited <= remaining(_NO_DEADLINE_SECONDS)


def _settle(pool: WorkPool, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    loop = future.get_loop()
    # The next call starts once the loop has written this answer and read what has come meanwhile. A thread that computes
    # would make it wait for the interpreter lock at each step.
    loop.call_soon(loop.call_soon, pool.advance)
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # Future.set_exception refuses it
        future.set_exception(RuntimeError("StopIteration left a use case"))
    else:
        future.set_exception(error)
