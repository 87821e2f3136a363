"""How a path is compared with a peer, or with a bound in seconds: both sides started, proven equal, timed in turns.

A row compares two sides in one run on one machine. Rounds alternate, so that whatever else the machine does hits both;
the figure of a side is the median of its rounds, and the row's ratio is ours over theirs.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

Side = Callable[[float], float]
"""Works for that many seconds; returns its figure, of which more is better."""

Sides = Callable[[], AbstractContextManager[tuple[Side, Side]]]
"""Starts both sides, ours first, and proves that they do the same before it yields them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `at_least` is the least ratio; None prints without a bound."""

    path: str
    against: str
    at_least: float | None
    unit: str
    sides: Sides


@dataclass(frozen=True, slots=True)
class Timing:
    """A line about seconds: how long something takes people to wait for, against the most that it may.

    Its ratio is the bound over what was measured, so that here, too, more is better and 1 is the least.
    `seconds` does the thing once and returns how long it took, and what it is held against.
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
        """Whether the bound is kept."""
        return self.at_least is None or self.ratio >= self.at_least

    def to_json(self) -> Mapping[str, Any]:
        """As it stands in the results file."""
        return {name: getattr(self, name) for name in self.__slots__}


def measure(row: Row, *, rounds: int, seconds: float) -> Result:
    """Time both sides in turns: one short round each to warm up, then `rounds` of `seconds`."""
    with row.sides() as (ours, theirs):
        for side in (ours, theirs):
            side(seconds / 2)
        figures: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds):
            # The order turns each time: the second of a pair may find the machine warmer.
            for index in (0, 1) if number % 2 == 0 else (1, 0):
                figures[index].append((ours, theirs)[index](seconds))
    mine, other = (statistics.median(each) for each in figures)
    return Result(row.path, row.against, mine / other, row.at_least, mine, other, row.unit)


def timed(timing: Timing) -> Result:
    """Do it, and hold the seconds against their bound."""
    took, most = timing.seconds()
    return Result(timing.path, timing.against, most / took, 1.0, took, most, "s")
