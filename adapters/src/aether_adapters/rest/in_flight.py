"""Adaptive concurrency of a REST server: as many calls in flight as its event loop can attend to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from time import monotonic, process_time
from typing import Any, Final, Protocol

from aether_adapters.kernel.concurrency import Limiter, LimiterOptions
from aether_adapters.kernel.criticality import Criticality, current
from aether_adapters.kernel.deadline import DEADLINE
from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.kernel.problems import RemoteOverloaded
from aether_adapters.kernel.pulse import Queued
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.rest.operation import Operation

ARRIVAL: Final = "aether.arrival"
"""Where the scope of a request holds its `Arrival`, if it was let in at its head."""

_MOST: Final = 1024
_OPTIONS: Final = LimiterOptions(least=8, first=64, low_lag=0.004, high_lag=0.01)
"""A loop serves whatever came in while it was at work, so it lags more than a thread does."""
_PAUSE_SECONDS: Final = 0.05
_ATTEMPTS: Final = 3
"""How often a call may be sent that the service behind a gateway refuses because it is overloaded."""


class Admission(Protocol):
    """Decides whether requests may come in."""

    arriving: int
    """Requests that were let in at their head and have yet to come to their call."""

    def admits(self, criticality: Criticality, /) -> bool:
        """Whether a request of this criticality may come in after those that are arriving."""
        ...


class Arrival:
    """A request on its way from its head to its call: a crowd whose heads come at once must see each other."""

    __slots__ = ("_admission",)

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission
        admission.arriving += 1

    def end(self) -> None:
        """Count it no more; does nothing the second time."""
        if self._admission is not None:
            self._admission.arriving -= 1
            self._admission = None


class InFlight:
    """Limits the calls of operations that are in flight at once; use it from one event loop.

    The limit shrinks when the event loop lags, and when the service behind a gateway refuses calls because it is
    overloaded. Such a call was not begun, so it waits for its turn again, in front of all others; so a crowd that comes
    at once is served in turn, at the pace of the service. Up to `queue` calls wait here, without a thread. `behind` is
    asked too: whether the threads of this process would take a call after some others.
    """

    def __init__(
        self,
        options: LimiterOptions = _OPTIONS,
        *,
        queue: int = 0,
        behind: Callable[[Criticality, int], bool] | None = None,
    ) -> None:
        self.arriving = 0
        self._behind = behind
        self._limiter = Limiter(most=_MOST, queue=queue, options=options)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ticking: asyncio.AbstractEventLoop | None = None
        self._queued = Queued()

    def admits(self, criticality: Criticality) -> bool:
        """Whether a call could begin after those that are arriving, or wait for its turn."""
        if not self._limiter.admits(criticality, monotonic(), self.arriving):
            return False
        return self._behind is None or self._behind(criticality, self.arriving)

    def limited(self, operations: Iterable[Operation]) -> tuple[Operation, ...]:
        """Return the operations with their calls limited; these raise `Overloaded` beyond limit and queue."""
        return tuple(replace(each, call=self._wrap(each.operation_id, each.call)) for each in operations)

    def _wrap(self, name: str, call: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        limiter = self._limiter

        async def limited(request: Any, /) -> Any:
            since = begun = monotonic()
            if not limiter.admits(current(), since):
                raise Overloaded
            self._beat()
            if not limiter.enter(since):
                begun = await self._turn(since, self._waiting.append)
            attempts = 1
            while True:
                try:
                    answer = await call(request)
                except RemoteOverloaded:
                    limiter.refused()
                    if attempts == _ATTEMPTS or not limiter.queue:
                        raise
                except (TechnicalError, asyncio.CancelledError):
                    limiter.drop()
                    raise
                except BaseException:  # a broken rule is an answer
                    limiter.finish(name, monotonic() - begun)
                    raise
                else:
                    limiter.finish(name, monotonic() - begun)
                    return answer
                finally:
                    self._advance()
                attempts += 1
                limiter.wait_again(monotonic())
                begun = await self._turn(since, self._waiting.appendleft)

        return limited

    async def _turn(self, since: float, queue: Callable[[asyncio.Future[None]], None]) -> float:
        """Wait until a call that came at `since` may start; return the time.

        Raises `Overloaded` if it waited for half of its time: it would probably not be answered in the rest.
        """
        turn = asyncio.get_running_loop().create_future()
        queue(turn)
        try:
            await turn
        except BaseException:
            if turn in self._waiting:
                self._waiting.remove(turn)
                self._limiter.leave()
            elif not turn.cancelled():
                self._limiter.drop()
                self._advance()
            raise
        now, deadline = monotonic(), DEADLINE.get()
        if deadline is not None and now - since > deadline - now:
            self._limiter.drop()
            self._advance()
            raise Overloaded
        return now

    def _advance(self) -> None:
        while self._limiter.next_may_start():
            turn = self._waiting.popleft()
            if turn.cancelled():
                self._limiter.drop()
            else:
                turn.set_result(None)

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        if self._ticking is not loop:
            self._ticking = loop
            self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(_PAUSE_SECONDS, self._tick, loop, monotonic(), process_time(), self._queued())

    def _tick(self, loop: asyncio.AbstractEventLoop, since: float, cpu: float, queued: float) -> None:
        seconds = monotonic() - since
        # As for a `Pulse`, the time of other processes does not count.
        lag = max(0.0, seconds - _PAUSE_SECONDS - (self._queued() - queued))
        self._limiter.tick(lag, (process_time() - cpu) / seconds, seconds)
        self._advance()
        if loop is self._ticking and (self._limiter.running or self._limiter.waiting):
            self._schedule(loop)
        elif loop is self._ticking:
            self._ticking = None
