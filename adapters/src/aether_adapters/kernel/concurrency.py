"""Adaptive concurrency: how many calls may run at once, and how many may wait for their turn.

Python runs one thread of a process at a time, so calls that compute gain nothing from many threads: they only keep the
threads that read requests from the interpreter lock. Calls that wait, for a database or another service, need many. A
`Limiter` tells the two apart by what they do to the process, in ticks of some tens of milliseconds:

- The *lag* is how much later than asked a sleeping thread runs again. It grows with the number of threads that want the
  interpreter lock or the processor, and is small however many threads wait for something else.
- While the lag is small, the limit grows as long as calls come up against it.
- While it is large, the limit shrinks if the calls compute for most of the time, or take longer than they do otherwise;
  then by their ratio, the gradient of Netflix's concurrency-limits (https://github.com/Netflix/concurrency-limits). The
  lag is asked first, because a slow dependency lengthens calls too, and fewer threads would not help there. It never
  shrinks below what the recent throughput takes (Little's law): refusals alone may cause the lag.

Calls that find no place wait, first come first served, if they can be expected to start soon. In a queue that stood for
a while that means sooner than in one that has just formed, as in CoDel (https://queue.acm.org/detail.cfm?id=2209336),
and for less important calls sooner than for others. What calls wait is estimated as in go-zero's shedder
(https://go-zero.dev), from the rate at which calls end.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from aether_adapters.kernel.criticality import Criticality

_GROWTH: Final = 1.25
_TOLERANCE: Final = 1.5
"""Calls may take so many times as long as usual before the limit shrinks; Netflix's Gradient2 has the same default."""
_SMALLEST_STEP: Final = 0.9
_LARGEST_STEP: Final = 0.5
"""Factors by which one tick shrinks the limit."""
_FORGET: Final = 0.995
"""What is left after a tick of the throughput that the limit must not shrink below; half after seven seconds."""
_SMOOTHING: Final = 0.2
"""Weight of the newest tick in moving averages."""
_LEAST_CPU_SHARE: Final = 0.25
"""A process that uses less of one processor is not what it lags behind; others on its machine are."""
_COMPUTING_CPU_SHARE: Final = 0.5
"""Calls that together use as much of one processor compute; fewer at once would use it as well."""
_LEARNING_TICKS: Final = 4
"""Ticks at the limit after which the rate is known: at first calls begin, and few end."""
_CALM_SECONDS: Final = 5.0
"""A pool that was not at its limit for so long has forgotten its rate."""
_CAREFUL_TICKS: Final = 100
"""For so many ticks after a refusal by others the limit grows by one at a time, as a window of TCP does after a loss."""
_LEAST_QUEUE: Final = 8
"""So many critical calls may wait at any rate: a few that come together are no overload."""
_SHARES: Final = {
    Criticality.SHEDDABLE: 0.25,
    Criticality.SHEDDABLE_PLUS: 0.5,
    Criticality.CRITICAL: 1.0,
    Criticality.CRITICAL_PLUS: 1.5,
}
"""The part of the wait allowed to a critical call that each level may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterOptions:
    """How a `Limiter` adapts. Times are in seconds."""

    least: int = 1
    """The limit never falls below."""
    first: int = 16
    """The limit at the start."""
    low_lag: float = 0.001
    """Up to this lag the process has time to spare."""
    high_lag: float = 0.003
    """Above this lag it has not."""
    computing_low_lag: float = 0.00025
    """The same two bounds while calls compute: the lower one is what a sleep exceeds on an idle machine, the upper one
    what it does beside two threads that compute."""
    computing_high_lag: float = 0.0006
    standing_wait: float = 0.1
    """How long a critical call may be expected to wait in a queue that stands."""
    burst_wait: float = 0.2
    """How long it may be expected to wait in a queue that has just formed."""
    burst_seconds: float = 0.5
    """After that time without being empty a queue stands."""


@dataclass(slots=True)
class _Usual:
    """How long the calls of one operation take while the process has time to spare."""

    seconds: float = 0.0
    ended: int = 0
    """Calls that ended in this tick, and their time altogether."""
    took: float = 0.0


class Limiter:
    """Decides for one pool of calls; not thread-safe, and without a clock: `now` is `time.monotonic()`.

    The pool reports with `enter`, `next_may_start`, `start`, `finish` and `tick`. At most `most` calls run and `queue`
    wait.
    """

    def __init__(self, *, most: int, queue: int, options: LimiterOptions | None = None) -> None:
        self.options = options = options or LimiterOptions()
        self.most: Final = most
        self.queue: Final = queue
        self.limit = float(min(most, max(options.first, options.least)))
        """How many calls may run now."""
        self.running = 0
        self.waiting = 0
        self.rate = 0.0
        """Estimated calls a second that the pool can end; unknown until it has been at its limit for some ticks."""
        self._learning_ticks = _LEARNING_TICKS
        self._pressed_at = float("inf")
        """When a call last found no place; never yet."""
        self._standing_since: float | None = None
        self._wanted_more = False
        self._refused_by_others = 0
        self._careful_ticks = 0
        self._usual: dict[Hashable, _Usual] = {}
        self._ended = 0
        self._cpu_seconds = 0.0
        self._cpu_per_call = 0.0
        self._peak = 0
        self._flow = 0.0
        self._carried = 0.0
        """How many calls at once the best recent throughput takes, at the time that calls usually take."""

    def admits(self, criticality: Criticality, now: float, ahead: int = 0) -> bool:
        """Whether a call that comes now may run or wait, after `ahead` calls that are to enter before it."""
        places = 0 if self._refused_by_others else max(0, int(self.limit) - self.running)
        if places > ahead and not self.waiting:
            return True
        self._wanted_more = True
        if now - self._pressed_at > _CALM_SECONDS:
            self.rate, self._learning_ticks = 0.0, _LEARNING_TICKS
        self._pressed_at = now
        waiting = self.waiting + max(0, ahead - places)
        if waiting >= self.queue:
            return False
        rate = self.rate
        if self._learning_ticks and not rate:
            if not self._cpu_per_call:
                return True
            rate = 1 / self._cpu_per_call
        options, since = self.options, self._standing_since
        stands = since is not None and now - since > options.burst_seconds
        allowed = options.standing_wait if stands else options.burst_wait
        return waiting < max(1.0, max(_LEAST_QUEUE, rate * allowed) * _SHARES[criticality])

    def enter(self, now: float) -> bool:
        """Take in an admitted call; return whether it may start at once, otherwise it waits."""
        if self._has_place() and not self.waiting:
            self._start()
            return True
        self._wait(now)
        return False

    def next_may_start(self) -> bool:
        """Whether the call that has waited longest may start; it then counts as running."""
        if not self.waiting or not self._has_place():
            return False
        self.leave()
        self._start()
        return True

    def leave(self) -> None:
        """Count a waiting call out, because its caller has gone."""
        self.waiting -= 1
        if not self.waiting:
            self._standing_since = None

    def _has_place(self) -> bool:
        return self.running < int(self.limit) and not self._refused_by_others

    def _wait(self, now: float) -> None:
        if not self.waiting:
            self._standing_since = now
        self.waiting += 1

    def _start(self) -> None:
        self.running += 1
        if self.running > self._peak:
            self._peak = self.running

    def finish(self, operation: Hashable, seconds: float, cpu_seconds: float = 0.0) -> None:
        """Count a call of `operation` that has run for `seconds`, of which it used a processor for `cpu_seconds`."""
        self.running -= 1
        self._ended += 1
        self._cpu_seconds += cpu_seconds
        usual = self._usual.get(operation)
        if usual is None:
            usual = self._usual[operation] = _Usual()
        usual.ended += 1
        usual.took += seconds

    def drop(self) -> None:
        """Count a running call that ended before any work was done: its caller has gone, or it was too late."""
        self.running -= 1

    def refused(self) -> None:
        """Count a running call that an overloaded server behind this one has refused; none starts until the next tick."""
        self.running -= 1
        self._refused_by_others += 1

    def wait_again(self, now: float) -> None:
        """Count a refused call as waiting, in front of all others."""
        self._wait(now)

    def tick(self, lag: float, cpu_share: float, seconds: float) -> None:
        """Adapt. In the last `seconds` the process lagged by `lag` seconds and used `cpu_share` of one processor."""
        options = self.options
        computing = self._cpu_seconds > _COMPUTING_CPU_SHARE * seconds
        low = options.computing_low_lag if computing else options.low_lag
        high = options.computing_high_lag if computing else options.high_lag
        stretch = self._stretch(seconds, relearn=lag <= low)
        if self._ended:
            self._cpu_per_call = _moved(self._cpu_per_call, self._cpu_seconds / self._ended)
        if self._wanted_more:
            if self._learning_ticks:
                self._learning_ticks -= 1
            else:
                self.rate = _moved(self.rate, self._ended / seconds)
        if self._refused_by_others:
            self._careful_ticks = _CAREFUL_TICKS
            self._shrink(_SMALLEST_STEP)
        elif lag > high:
            if computing:
                self._shrink(_LARGEST_STEP)
            elif stretch > _TOLERANCE and cpu_share > _LEAST_CPU_SHARE:
                self._shrink(_TOLERANCE / stretch)
        elif lag <= low and self._wanted_more:
            grown = self.limit + 1 if self._careful_ticks else self.limit * _GROWTH + 0.5
            self.limit = min(float(self.most), grown)
        self._careful_ticks = max(0, self._careful_ticks - 1)
        self._wanted_more = self.waiting > 0
        self._refused_by_others = 0
        self._ended = 0
        self._cpu_seconds = 0.0
        self._peak = self.running

    def _shrink(self, factor: float) -> None:
        # A limit above what has run at once says nothing.
        limit = min(self.limit, float(self._peak)) * min(_SMALLEST_STEP, max(_LARGEST_STEP, factor))
        self.limit = min(self.limit, max(float(min(self.options.least, self.most)), self._carried, limit))

    def _stretch(self, seconds: float, *, relearn: bool) -> float:
        """Return how many times as long as usual the calls took that ended in this tick; 1 if nothing is known."""
        took = expected = 0.0
        for usual in self._usual.values():
            if not usual.ended:
                continue
            if usual.seconds:
                took += usual.took
                expected += usual.seconds * usual.ended
            if relearn:  # otherwise a long overload would become usual
                usual.seconds = _moved(usual.seconds, usual.took / usual.ended)
            usual.ended, usual.took = 0, 0.0
        self._flow = _moved(self._flow, expected / seconds)
        self._carried = max(self._flow, self._carried * _FORGET)
        return took / expected if expected else 1.0


class FixedLimiter(Limiter):
    """A limiter that never adapts: `threads` run, `queue` wait, however long that takes."""

    def __init__(self, threads: int, queue: int) -> None:
        super().__init__(most=threads, queue=queue)
        self.limit = float(threads)

    def admits(self, criticality: Criticality, now: float, ahead: int = 0) -> bool:  # noqa: ARG002 # all alike
        """Whether thread or queue have room."""
        return self.running + self.waiting + ahead < self.most + self.queue

    def tick(self, lag: float, cpu_share: float, seconds: float) -> None:
        """Do nothing."""


def _moved(average: float, newest: float) -> float:
    """Return a moving average with its newest value in it."""
    return average + (newest - average) * _SMOOTHING if average else newest
