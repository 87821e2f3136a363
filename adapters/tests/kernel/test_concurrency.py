"""Tests of adaptive concurrency, in simulated time on one simulated interpreter lock."""

from __future__ import annotations

import pytest
from aether_adapters.kernel.concurrency import FixedLimiter, Limiter, LimiterOptions
from aether_adapters.kernel.criticality import Criticality, of_call

TICK = 0.05
NORMAL = Criticality.CRITICAL


class Process:
    """A process under load: calls compute for `cpu` seconds, one at a time, and wait for `wait` seconds beside each other.

    Threads that want the lock wait for each other, so the process lags by half a millisecond for each of them.
    """

    def __init__(self, limiter: Limiter, *, cpu: float, wait: float) -> None:
        self.limiter = limiter
        self.cpu = cpu
        self.wait = wait
        self.now = 0.0
        self.waited: list[float] = []
        """How long each call that started had waited."""
        self.refused = 0
        self.tells_cpu = True
        """Whether the pool measures the CPU time of calls; that of an event loop does not."""
        self._queue: list[float] = []
        self._owed = 0.0

    def run(self, seconds: float, rate: float, *, foreign_lag: float = 0.0) -> float:
        """Let `rate` calls a second come in for `seconds`. Return how many of them a second ended."""
        ended = 0
        for _ in range(round(seconds / TICK)):
            ended += self._tick(rate, foreign_lag)
        return ended / seconds

    def _tick(self, rate: float, foreign_lag: float) -> int:
        limiter = self.limiter
        arrivals = round(rate * TICK)
        for number in range(arrivals):
            at = self.now + TICK * number / arrivals
            if not limiter.admits(NORMAL, at):
                self.refused += 1
            elif limiter.enter(at):
                self.waited.append(0.0)
            else:
                self._queue.append(at)
        self.now += TICK
        running = limiter.running
        alone = self.cpu + self.wait
        wanting = running * self.cpu / alone  # of the lock, on average
        takes = max(alone, running * self.cpu)
        self._owed += running * TICK / takes
        ended = min(int(self._owed), running + len(self._queue))
        self._owed -= ended
        for _ in range(ended):
            limiter.finish("work", takes, self.cpu if self.tells_cpu else 0.0)
            self._start_next()
        busy = min(1.0, ended * self.cpu / TICK)
        limiter.tick(0.0001 + 0.0005 * max(0.0, wanting - 0.5) + foreign_lag, busy, TICK)
        self._start_next()
        return ended

    def _start_next(self) -> None:
        while self.limiter.next_may_start():
            self.waited.append(self.now - self._queue.pop(0))


def test_calls_that_compute_end_with_about_one_at_a_time() -> None:
    process = Process(Limiter(most=256, queue=64), cpu=0.005, wait=0.0)
    process.run(1, 1000)
    assert process.limiter.limit < 3
    assert process.run(5, 1000) > 0.9 * 1 / 0.005


def test_calls_that_wait_get_as_many_threads_as_they_need() -> None:
    """2,000 calls a second of 50 ms each are 100 at once."""
    process = Process(Limiter(most=256, queue=64), cpu=0.0001, wait=0.05)
    process.run(2, 2000)
    assert process.limiter.limit > 100
    assert process.run(3, 2000) > 0.95 * 2000


def test_a_mixture_settles_between() -> None:
    """5 ms of CPU in 50 ms: ten at once use the processor."""
    process = Process(Limiter(most=256, queue=64), cpu=0.005, wait=0.045)
    process.run(3, 1000)
    assert 5 < process.limiter.limit < 30


def test_a_crowd_that_comes_at_once_is_taken_whole_by_a_pool_that_was_calm() -> None:
    """What ends in the first ticks says too little about the rate: the calls have only just begun."""
    limiter = Limiter(most=1024, queue=1024, options=LimiterOptions(first=64))
    process = Process(limiter, cpu=0.002, wait=0.02)
    process.tells_cpu = False
    process.run(2 * TICK, 10_000)
    assert process.refused == 0
    process.run(1, 0)
    assert limiter.rate > 300
    process.run(2 * TICK, 10_000)
    assert process.refused > 500  # now it is known that they would wait too long
    process.run(6, 0)
    refused = process.refused
    process.run(2 * TICK, 10_000)
    assert process.refused == refused  # what was known then says nothing about a crowd after a calm


def test_a_pool_in_which_nothing_ends_takes_no_more_than_a_few() -> None:
    """Otherwise each of a crowd would wait until its deadline, come again, and wait again."""
    limiter = Limiter(most=64, queue=1024, options=LimiterOptions(first=64))
    process = Process(limiter, cpu=0.0, wait=60.0)
    process.tells_cpu = False
    process.run(0.4, 10_000)
    for _ in range(limiter.waiting):
        limiter.leave()
    process.run(TICK, 10_000)
    assert limiter.waiting == 8


def test_calls_wait_for_a_tenth_of_a_second_under_lasting_overload() -> None:
    process = Process(Limiter(most=256, queue=10_000), cpu=0.005, wait=0.0)
    process.run(3, 2000)
    process.waited.clear()
    process.run(3, 2000)
    assert 0.05 < max(process.waited) < 0.25


def test_the_limit_recovers_once_calls_wait_again() -> None:
    process = Process(Limiter(most=256, queue=64), cpu=0.005, wait=0.0)
    process.run(5, 2000)
    process.cpu, process.wait = 0.0001, 0.05
    process.run(2, 1000)
    assert process.run(1, 1000) > 0.95 * 1000


def test_a_slow_dependency_shrinks_nothing() -> None:
    """Its calls hold their threads for longer, and the process has time to spare."""
    process = Process(Limiter(most=256, queue=64), cpu=0.0005, wait=0.01)
    process.run(2, 500)
    before = process.limiter.limit
    process.wait = 2.0
    process.run(5, 100)
    assert process.limiter.limit >= before


def test_a_lag_that_others_on_the_machine_cause_shrinks_nothing() -> None:
    process = Process(Limiter(most=256, queue=64), cpu=0.0005, wait=0.05)
    process.run(2, 300)
    before = process.limiter.limit
    assert process.run(5, 300, foreign_lag=0.05) > 0.95 * 300
    assert process.limiter.limit == before


def test_calls_that_take_longer_than_usual_shrink_the_limit_by_their_ratio() -> None:
    limiter = Limiter(most=64, queue=0)
    limiter.limit = 64.0

    def tick(seconds: float, lag: float) -> float:
        for _ in range(40):
            limiter.enter(0.0)
        for _ in range(40):
            limiter.finish("read", seconds, 0.0001)
        limiter.tick(lag, 0.9, TICK)
        return limiter.limit

    assert tick(0.01, 0.0) == 64.0
    assert tick(0.02, 0.01) == pytest.approx(40 * 1.5 / 2)


def test_a_limit_does_not_shrink_below_what_the_throughput_takes() -> None:
    """400 calls a second of 50 ms are 20 at once; that each takes twice as long now is no reason to serve fewer."""
    limiter = Limiter(most=64, queue=0)
    limiter.limit = 64.0
    for seconds, lag in ((0.05, 0.0), *[(0.1, 0.02)] * 20):
        for _ in range(20):
            limiter.enter(0.0)
        for _ in range(20):
            limiter.finish("read", seconds, 0.0001)
        limiter.tick(lag, 0.9, TICK)
    assert 18 <= limiter.limit < 21


def test_refusals_of_an_overloaded_server_behind_shrink_the_limit() -> None:
    limiter = Limiter(most=64, queue=0)
    limiter.limit = 50.0
    for _ in range(50):
        limiter.enter(0.0)
    limiter.refused()
    limiter.tick(0.0, 0.1, TICK)
    assert limiter.limit == pytest.approx(45.0)


def test_the_least_critical_calls_are_refused_first() -> None:
    limiter = Limiter(most=1, queue=1000)
    limiter.enter(0.0)
    for _ in range(10):
        limiter.finish("work", 0.01, 0.01)
        limiter.running = 1
    limiter.admits(NORMAL, 0.0)
    limiter.tick(0.01, 1.0, 0.1)  # 100 a second
    taken = {}
    for level in Criticality:
        while limiter.admits(level, 0.0):
            limiter.enter(0.0)
        taken[level] = limiter.waiting
    assert list(taken.values()) == sorted(taken.values())
    assert len(set(taken.values())) == len(Criticality)


def test_a_burst_may_wait_longer_than_a_queue_that_stands() -> None:
    limiter = Limiter(most=1, queue=1000)
    limiter.enter(0.0)
    limiter.rate = 100.0

    def fill(now: float) -> int:
        while limiter.admits(NORMAL, now):
            limiter.enter(now)
        return limiter.waiting

    burst = fill(0.0)
    assert burst == 20
    assert not limiter.admits(NORMAL, 1.0)
    for _ in range(12):
        limiter.finish("work", 0.01)
        assert limiter.next_may_start()
    assert fill(1.0) == 10


def test_a_fixed_limiter_counts_threads_and_queue() -> None:
    limiter = FixedLimiter(1, 1)
    outcomes = []
    for _ in range(3):
        admitted = limiter.admits(NORMAL, 0.0)
        outcomes.append(admitted and limiter.enter(0.0))
    assert (outcomes, limiter.running, limiter.waiting) == ([True, False, False], 1, 1)


@pytest.mark.parametrize(
    ("sent", "trusted", "level"),
    [
        (None, False, Criticality.CRITICAL),
        ("sheddable", False, Criticality.SHEDDABLE),
        ("critical_plus", False, Criticality.CRITICAL),
        ("critical_plus", True, Criticality.CRITICAL_PLUS),
        ("sheddable_plus", True, Criticality.SHEDDABLE_PLUS),
        ("urgent", True, Criticality.CRITICAL),
    ],
)
def test_anybody_may_lower_the_criticality_of_a_call_and_a_service_may_raise_it(
    sent: str | None, trusted: bool, level: Criticality
) -> None:
    assert of_call(Criticality.CRITICAL, sent, trusted=trusted) is level


def test_a_few_calls_that_come_together_wait_however_slow_the_service_is() -> None:
    limiter = Limiter(most=16, queue=64)
    limiter.limit, limiter.rate = 1.0, 0.5  # one call at a time, each of two seconds
    taken = 0
    while limiter.admits(NORMAL, 0.0):
        limiter.enter(0.0)
        taken += 1
    assert taken == 1 + 8
    assert not limiter.admits(Criticality.SHEDDABLE, 0.0)
