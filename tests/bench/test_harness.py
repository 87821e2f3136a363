"""How a row is measured, on sides whose figures are known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import pytest

from tests.bench.harness import Row, Side, Timing, measure, timed


class Noisy:
    """Both sides of a row: ours has 0.9 of the figure of theirs, and the machine's speed changes every two calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []

    @contextmanager
    def sides(self) -> Iterator[tuple[Side, Side]]:
        yield partial(self._work, "ours", 0.9), partial(self._work, "theirs", 1.0)

    def _work(self, side: str, figure: float, seconds: float) -> float:
        speed = (1.0, 0.2, 3.0, 0.7, 5.0)[len(self.calls) // 2 % 5]
        self.calls.append((side, seconds))
        return figure * speed * 1000


def row(at_least: float | None, **more: float) -> tuple[Row, Noisy]:
    noisy = Noisy()
    return Row("path", "peer", at_least, "req/s", noisy.sides, **more), noisy


def test_the_ratio_is_the_same_however_fast_the_machine_is_in_each_round() -> None:
    result = measure(row(1.0)[0], rounds=7, seconds=0.1)
    assert result.rounds == pytest.approx([0.9] * 7)
    assert result.broken


def test_a_row_on_its_bound_or_without_one_is_not_broken() -> None:
    assert not measure(row(0.9)[0], rounds=7, seconds=0.1).broken
    assert not measure(row(None)[0], rounds=7, seconds=0.1).broken


def test_an_allowance_is_how_many_times_theirs_ours_may_cost() -> None:
    result = measure(row(1.0, allowance=16)[0], rounds=7, seconds=0.1)
    assert result.ratio.median == pytest.approx(14.4)
    assert not result.broken


def test_the_order_of_the_sides_alternates_after_a_round_to_warm_up() -> None:
    short, noisy = row(None, stretch=0.5)
    measure(short, rounds=2, seconds=0.4)
    ours, theirs = ("ours", 0.2), ("theirs", 0.2)
    assert noisy.calls == [ours, theirs, ours, theirs, theirs, ours, ours, theirs, theirs, ours]


class Divided:
    """A side whose requests cost 2 ms in one process and 6 ms in the other."""

    def __call__(self, seconds: float) -> float:
        return 125.0

    def parts(self) -> Mapping[str, float]:
        return {"api": 0.002, "rpc": 0.006}


def test_parts_of_a_cost_are_in_costs_of_the_peer() -> None:
    @contextmanager
    def sides() -> Iterator[tuple[Side, Side]]:
        yield Divided(), lambda _seconds: 1000.0

    result = measure(Row("path", "peer", None, "req/cpu-s", sides), rounds=1, seconds=0.1)
    assert result.parts == {"api": 2.0, "rpc": 6.0}


def test_a_time_is_broken_only_if_every_run_took_too_long() -> None:
    one_in_time = Timing("new-to-2xx", "10 s", lambda: [(11.0, 10.0), (12.0, 10.0), (9.9, 10.0)])
    none_in_time = Timing("new-to-2xx", "10 s", lambda: [(11.0, 10.0), (12.0, 10.0), (10.1, 10.0)])
    assert (timed(one_in_time).broken, timed(none_in_time).broken) == (False, True)
    assert timed(one_in_time).ours == 11.0


def test_the_results_file_has_the_spread_and_every_round() -> None:
    entry = json.loads(json.dumps(measure(row(1.0)[0], rounds=7, seconds=0.1).to_json()))
    assert (entry["ratio"], entry["low"], entry["high"]) == pytest.approx((0.9, 0.9, 0.9))
    assert len(entry["rounds"]) == 7
    assert entry["broken"] is True
