"""Tests of the threads that a limiter allows, and of the pulse that measures the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aether_adapters.kernel.concurrency import FixedLimiter, Limiter, LimiterOptions
from aether_adapters.kernel.criticality import Criticality
from aether_adapters.kernel.pulse import Pulse, Queued
from aether_adapters.kernel.work_pool import WorkPool
from aether_adapters.testing.waiting import eventually

NORMAL = Criticality.CRITICAL


class Work:
    """A job that does what it is given."""

    operation = "work"

    def __init__(self, do: Callable[[], object] = lambda: None) -> None:
        self._do = do
        self.ended = threading.Event()

    def run(self, _waited: float) -> bool:
        self._do()
        return True

    def done(self) -> None:
        self.ended.set()


def beating(lag: float, queued: float = 0.0) -> Pulse:
    """Return a pulse that beats only when `tick` is called, and wakes up late by `lag`, `queued` of it for a processor."""
    now, waited = 0.0, 0.0

    def clock() -> float:
        return now

    def sleep(seconds: float) -> None:
        nonlocal now, waited
        now += seconds + lag
        waited += queued

    pulse = Pulse(clock=clock, sleep=sleep, cpu=lambda: 0.0, queued=lambda: waited)
    pulse.beats = True  # nobody wakes it
    return pulse


@contextmanager
def pool(limiter: Limiter, pulse: Pulse | None = None, *, led: bool = False) -> Iterator[WorkPool]:
    made = WorkPool("test-pool", limiter, led=led, pulse=pulse or beating(0.0))
    yield made
    made.stop()
    assert made.join(10)


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("test-pool")}


def test_threads_start_when_they_are_needed_and_end_when_the_pool_stops() -> None:
    gate = threading.Event()
    with pool(FixedLimiter(3, 0)) as made:
        assert names() == set()
        for number in range(3):
            assert made.submit(Work(gate.wait), NORMAL)
            assert len(names()) == number + 1
        assert not made.submit(Work(), NORMAL)
        gate.set()
    assert names() == set()


def test_a_waiting_job_starts_when_another_ends() -> None:
    gate = threading.Event()
    with pool(FixedLimiter(1, 5)) as made:
        first, second = Work(gate.wait), Work()
        assert made.submit(first, NORMAL)
        assert made.submit(second, NORMAL)
        assert (made.pending, second.ended.is_set()) == (2, False)
        gate.set()
        assert second.ended.wait(60)


def test_a_led_pool_starts_a_waiting_job_only_when_told() -> None:
    gate = threading.Event()
    with pool(FixedLimiter(1, 5), led=True) as made:
        first, second = Work(gate.wait), Work()
        made.submit(first, NORMAL)
        made.submit(second, NORMAL)
        gate.set()
        assert first.ended.wait(60)
        assert not second.ended.wait(0.05)
        made.advance()
        assert second.ended.wait(60)


def test_jobs_that_wait_start_when_the_limit_grows() -> None:
    gate = threading.Event()
    pulse = beating(0.0)
    with pool(Limiter(most=8, queue=8, options=LimiterOptions(first=1)), pulse) as made:
        works = [Work(gate.wait) for _ in range(4)]
        for work in works:
            made.submit(work, NORMAL)
        assert len(names()) == 1
        for _ in range(6):
            assert pulse.tick()
        assert len(names()) == 4
        gate.set()
        assert all(work.ended.wait(60) for work in works)
    assert not pulse.tick()


def test_stop_runs_the_jobs_that_were_taken_and_takes_no_more() -> None:
    gate, ran = threading.Event(), list[int]()
    with pool(FixedLimiter(1, 20), led=True) as made:
        made.submit(Work(gate.wait), NORMAL)
        for number in range(10):
            made.submit(Work(lambda number=number: ran.append(number)), NORMAL)  # type: ignore[misc]
        made.stop()
        assert not made.submit(Work(), NORMAL)
        gate.set()
    assert ran == list(range(10))


def test_a_pulse_tells_the_lag_and_the_use_of_the_processor() -> None:
    told = list[tuple[float, float, float]]()

    class Member:
        busy = True

        def tick(self, lag: float, cpu_share: float, seconds: float) -> None:
            told.append((round(lag, 6), round(cpu_share, 6), round(seconds, 6)))

    member = Member()
    pulse = beating(0.03)
    pulse.join(member)
    assert pulse.tick()
    assert told == [(0.03, 0.0, 0.2)]


def test_a_pulse_does_not_count_what_it_waits_for_a_processor() -> None:
    """Other processes use it then, and fewer calls in this one would not help."""
    lags = list[float]()

    class Member:
        busy = True

        def tick(self, lag: float, _cpu_share: float, _seconds: float) -> None:
            lags.append(round(lag, 6))

    member = Member()
    pulse = beating(0.03, queued=0.029)
    pulse.join(member)
    assert pulse.tick()
    assert lags == [0.001]


def test_the_wait_for_a_processor_is_that_of_the_calling_thread() -> None:
    queued = Queued()
    here = [queued() for _ in range(3)]
    elsewhere = list[float]()
    thread = threading.Thread(target=lambda: elsewhere.append(queued()))
    thread.start()
    thread.join(60)
    assert here == sorted(here)
    assert elsewhere[0] >= 0.0
    assert queued() >= here[-1]


def test_a_pulse_rests_while_nobody_is_busy_and_beats_again_when_woken() -> None:
    pulse = Pulse()
    with pool(FixedLimiter(1, 0), pulse) as made:
        for _ in range(2):
            gate = threading.Event()
            assert made.submit(Work(gate.wait), NORMAL)
            eventually(lambda: pulse.beats)
            gate.set()
            eventually(lambda: not pulse.beats)
