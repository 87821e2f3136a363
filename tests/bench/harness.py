"""Compares a path with a peer, or with a bound in seconds: start both sides, prove them equal, time them alternately.

A row compares two sides in one run on one machine. Rounds alternate, so that other load on the machine affects both;
the figure of a side is the median of its rounds, and the row's ratio is ours over theirs.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

Side = Callable[[float], float]
"""Works for that many seconds. Returns its figure; more is better."""

Sides = Callable[[], AbstractContextManager[tuple[Side, Side]]]
"""Starts both sides, proves that they do the same, and yields them, ours first."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `at_least` is the bound of the ratio; None for no bound."""

    path: str
    against: str
    at_least: float | None
    unit: str
    sides: Sides


@dataclass(frozen=True, slots=True)
class Timing:
    """A line in seconds: how long people wait for something, against a bound.

    Its ratio is the bound over the measured time, so more is better here too, and the bound of the ratio is 1.
    `seconds` measures once. It returns the measured time, and its bound.
    """

    path: str
    against: str
    seconds: Callable[[], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a row measured; `ours` and `theirs` are medians, in `unit`, or seconds and their bound."""

    path: str
    against: str
    ratio: float
    at_least: float | None
    ours: float
    theirs: float
    unit: str

    @property
    def good(self) -> bool:
        """Whether the ratio is within its bound."""
        return self.at_least is None or self.ratio >= self.at_least

    def to_json(self) -> Mapping[str, Any]:
        """Return the entry of the results file."""
        return {name: getattr(self, name) for name in self.__slots__}


def measure(row: Row, *, rounds: int, seconds: float) -> Result:
    """Time both sides alternately: one short round each to warm up, then `rounds` of `seconds`."""
    with row.sides() as (ours, theirs):
        for side in (ours, theirs):
            side(seconds / 2)
        figures: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds):
            # The order alternates: the second of a pair may find the machine warmer.
            for index in (0, 1) if number % 2 == 0 else (1, 0):
                figures[index].append((ours, theirs)[index](seconds))
    our_median, their_median = (statistics.median(each) for each in figures)
    return Result(
        row.path,
        row.against,
        our_median / their_median,
        row.at_least,
        our_median,
        their_median,
        row.unit,
    )


def timed(timing: Timing) -> Result:
    """Measure, and compare the seconds with their bound."""
    took, most = timing.seconds()
    return Result(timing.path, timing.against, most / took, 1.0, took, most, "s")
