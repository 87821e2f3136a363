"""Tests of bulkhead, breaker and throttle with a clock of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.neighbour import Call, Neighbour, Outcome
from aether_adapters.kernel.retry_budget import RetryBudget
from aether_adapters.kernel.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Notes:
    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.changes: list[bool] = []

    def ended(self, outcome: Outcome, /) -> None:
        self.outcomes.append(outcome)

    def changed(self, *, away: bool) -> None:
        self.changes.append(away)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notes() -> Notes:
    return Notes()


def neighbour(
    clock: Callable[[], float], notes: Notes, *, places: int = 4, probe: Callable[[], object] | None = None
) -> Neighbour:
    return Neighbour(
        "shop", places=places, slow_seconds=1.0, watch=notes, probe=probe, clock=clock, chance=lambda: 0.5
    )


def call(to: Neighbour, *, accepted: bool | None) -> None:
    to.leave(to.enter(), accepted=accepted)


def test_the_throttle_refuses_what_exceeds_twice_the_accepted_requests(clock: Clock) -> None:
    throttle = Throttle(clock=clock)
    for number in range(100):
        throttle.count(accepted=number % 10 == 0)
    assert throttle.refusal() == (100 - 2 * 10 - 5) / 101


def test_the_throttle_refuses_nothing_while_half_of_the_requests_are_accepted(clock: Clock) -> None:
    throttle = Throttle(clock=clock)
    for number in range(100):
        throttle.count(accepted=number % 2 == 0)
    assert throttle.refusal() == 0.0


def test_the_throttle_forgets_what_is_older_than_two_seconds(clock: Clock) -> None:
    throttle = Throttle(clock=clock)
    for _ in range(10):
        throttle.count(accepted=False)
    assert throttle.refusal() == 1.0
    clock.now += 2.0
    assert throttle.refusal() == 0.0


def test_calls_beyond_the_places_are_refused_at_once_while_the_oldest_hangs(
    clock: Clock, notes: Notes
) -> None:
    shop = neighbour(clock, notes, places=2)
    shop.enter()
    hanging = shop.enter()
    clock.now += 0.5
    with pytest.raises(Unavailable) as refused:
        shop.enter()
    assert refused.value.retry_after == 1.0
    assert notes.outcomes == [Outcome.FULL]
    shop.leave(hanging, accepted=True)
    shop.enter()


def test_a_call_waits_for_a_place_while_the_others_are_quick(notes: Notes) -> None:
    shop = neighbour(time.monotonic, notes, places=1)
    first = shop.enter()
    threading.Timer(0.1, lambda: shop.leave(first, accepted=True)).start()
    shop.enter()
    assert notes.outcomes == [Outcome.ACCEPTED]


def test_a_call_waits_for_a_place_no_longer_than_its_deadline(notes: Notes) -> None:
    shop = neighbour(time.monotonic, notes, places=1)
    shop.enter()
    with within(0.05), pytest.raises(DeadlineExceeded):
        shop.enter()


def test_a_server_that_fails_all_calls_gets_none_until_its_probe_succeeds(clock: Clock, notes: Notes) -> None:
    answers, probes = threading.Event(), threading.Semaphore(0)

    def probe() -> None:
        probes.release()
        if not answers.is_set():
            raise ConnectionError

    shop = neighbour(clock, notes, probe=probe)
    for _ in range(5):
        call(shop, accepted=False)
    assert notes.changes == [True]
    assert probes.acquire(timeout=60) and probes.acquire(timeout=60)
    with pytest.raises(Unavailable):
        shop.enter()
    answers.set()
    trial = _enter_soon(shop)
    with pytest.raises(Unavailable):
        shop.enter()
    shop.leave(trial, accepted=True)
    assert notes.changes == [True, False]
    call(shop, accepted=True)


def test_a_failed_trial_leaves_the_server_away_until_the_next_one(clock: Clock, notes: Notes) -> None:
    shop = neighbour(clock, notes)
    for _ in range(5):
        call(shop, accepted=False)
    clock.now += 1.0
    call(shop, accepted=False)
    with pytest.raises(Unavailable):
        shop.enter()
    clock.now += 1.0
    call(shop, accepted=True)
    assert notes.changes == [True, False]


def test_calls_that_hang_count_as_failed_before_they_end(clock: Clock, notes: Notes) -> None:
    shop = neighbour(clock, notes, places=8)
    hanging = [shop.enter() for _ in range(5)]
    clock.now += 1.0
    with pytest.raises(Unavailable):
        shop.enter()
    assert notes.outcomes == [Outcome.SLOW] * 5 + [Outcome.REFUSED]
    for each in hanging:
        shop.leave(each, accepted=True)
    assert notes.outcomes == [Outcome.SLOW] * 5 + [Outcome.REFUSED], "none counts twice"


def test_late_answers_count_as_failed(clock: Clock, notes: Notes) -> None:
    shop = neighbour(clock, notes)
    for _ in range(5):
        late = shop.enter()
        clock.now += 1.0 / 8
        later = shop.enter()
        clock.now += 7.0 / 8
        shop.leave(late, accepted=True)
        shop.leave(later, accepted=None)
    assert notes.outcomes == [Outcome.SLOW] * 5


def test_a_caller_without_time_says_nothing_about_the_server(clock: Clock, notes: Notes) -> None:
    shop = neighbour(clock, notes)
    for _ in range(20):
        hurried = shop.enter()
        with within(-1.0):
            shop.leave(hurried, accepted=False)
    assert notes.outcomes == []


def test_a_server_that_accepts_some_calls_gets_some(clock: Clock, notes: Notes) -> None:
    """At a chance of one half it gets all of them while it accepts a third, and none while it accepts a tenth."""
    shop = neighbour(clock, notes)
    for number in range(30):
        call(shop, accepted=number % 3 == 0)
    clock.now += 3.0
    call(shop, accepted=True)
    with pytest.raises(Unavailable):
        for _ in range(20):
            call(shop, accepted=False)
    assert notes.changes == [], "it is not away"


def test_a_retry_budget_allows_a_tenth_of_all_calls() -> None:
    budget = RetryBudget(0.1)
    while budget.spend():
        pass
    for _ in range(95):
        budget.earn()
    assert [budget.spend() for _ in range(10)] == [True] * 9 + [False]


def test_a_retry_budget_saves_ten_repetitions_at_most() -> None:
    budget = RetryBudget(0.1)
    for _ in range(1000):
        budget.earn()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]


def test_a_retry_budget_of_nothing_allows_nothing() -> None:
    budget = RetryBudget(0.0)
    budget.earn()
    assert not budget.spend()


def _enter_soon(shop: Neighbour) -> Call:
    give_up = time.monotonic() + 60
    while True:
        try:
            return shop.enter()
        except Unavailable:
            assert time.monotonic() < give_up
            time.sleep(0.01)
