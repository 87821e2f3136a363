"""Recent refusals: repeated to a crowd for less than a second, and asked for again by one caller at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from aether_adapters.kernel import recent_refusals
from aether_adapters.kernel.recent_refusals import RecentRefusals


@dataclass
class Stopwatch:
    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def refusals(stopwatch: Stopwatch) -> RecentRefusals[str, str]:
    return RecentRefusals(stopwatch)


def test_what_was_never_refused_must_be_asked(refusals: RecentRefusals[str, str]) -> None:
    refusals.add("seat", "gone", asked_at=refusals.now())
    assert refusals.get("another") is None


def test_one_caller_asks_again_while_all_others_are_refused(
    refusals: RecentRefusals[str, str], stopwatch: Stopwatch
) -> None:
    refusals.add("seat", "gone", asked_at=refusals.now())
    stopwatch.seconds += 0.69
    assert refusals.get("seat") == "gone"
    stopwatch.seconds += 0.02
    assert [refusals.get("seat") for _ in range(4)] == [None, "gone", "gone", "gone"]


def test_a_refusal_is_never_older_than_a_second(
    refusals: RecentRefusals[str, str], stopwatch: Stopwatch
) -> None:
    """The answer of the one who asks again may never come."""
    refusals.add("seat", "gone", asked_at=refusals.now())
    stopwatch.seconds += 0.8
    assert refusals.get("seat") is None
    stopwatch.seconds += 0.19
    assert refusals.get("seat") == "gone"
    stopwatch.seconds += 0.02
    assert [refusals.get("seat") for _ in range(3)] == [None, None, None]


def test_it_counts_from_the_question_not_from_the_answer(
    refusals: RecentRefusals[str, str], stopwatch: Stopwatch
) -> None:
    asked_at = refusals.now()
    stopwatch.seconds += 1.5
    refusals.add("seat", "gone", asked_at=asked_at)
    assert refusals.get("seat") is None


def test_a_crowd_is_refused_by_one_question_in_seven_tenths_of_a_second(
    refusals: RecentRefusals[str, str], stopwatch: Stopwatch
) -> None:
    asked = 0
    for _ in range(7_000):
        stopwatch.seconds += 0.001
        if refusals.get("seat") is None:
            asked += 1
            refusals.add("seat", "gone", asked_at=refusals.now())
    assert asked in {10, 11}


def test_the_latest_question_decides_how_long_a_refusal_is_remembered(
    refusals: RecentRefusals[str, str], stopwatch: Stopwatch
) -> None:
    early = refusals.now()
    stopwatch.seconds += 0.5
    refusals.add("seat", "gone", asked_at=refusals.now())
    refusals.add("seat", "gone", asked_at=early)
    stopwatch.seconds += 0.65
    assert refusals.get("seat") == "gone"


def test_a_refusal_that_ends_at_a_known_time_is_forgotten_then(
    refusals: RecentRefusals[str, str], stopwatch: Stopwatch
) -> None:
    refusals.add("sale", "not yet", asked_at=refusals.now(), life_seconds=0.3)
    refusals.add("past", "not yet", asked_at=refusals.now(), life_seconds=-0.1)
    stopwatch.seconds += 0.29
    assert refusals.get("sale") == "not yet"
    assert refusals.get("past") is None
    stopwatch.seconds += 0.02
    assert refusals.get("sale") is None


def test_after_a_release_everything_is_asked_again(refusals: RecentRefusals[str, str]) -> None:
    refusals.add("seat", "gone", asked_at=refusals.now())
    refusals.clear()
    assert refusals.get("seat") is None


def test_it_stays_small_whatever_is_asked_for(
    refusals: RecentRefusals[str, str], stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that still hold are kept as long as there is room."""
    monkeypatch.setattr(recent_refusals, "MAX_REFUSALS", 10)
    for number in range(9):
        refusals.add(f"old {number}", "gone", asked_at=refusals.now())
    stopwatch.seconds += 0.6
    refusals.add("held", "gone", asked_at=refusals.now())
    stopwatch.seconds += 0.5
    refusals.add("new", "gone", asked_at=refusals.now())
    assert (refusals.get("held"), refusals.get("new")) == ("gone", "gone")
    for number in range(25):
        refusals.add(f"new {number}", "gone", asked_at=refusals.now())
    assert sum(refusals.get(f"new {number}") is not None for number in range(25)) <= 10


def test_only_one_of_many_threads_asks_again(
    refusals: RecentRefusals[str, str], stopwatch: Stopwatch
) -> None:
    refusals.add("seat", "gone", asked_at=refusals.now())
    stopwatch.seconds += 0.75
    seen: list[str | None] = []
    together = threading.Barrier(16)

    def ask() -> None:
        together.wait()
        seen.append(refusals.get("seat"))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, seen)) == ["None"] + ["gone"] * 15
