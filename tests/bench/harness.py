"""Compares a path with a peer, or with a bound in seconds: start both sides, prove them equal, time them alternately.

A row compares two sides in one run on one machine. A round times one side directly after the other, so that other load
on the machine affects both, and gives one ratio: ours over theirs. The row's ratio is the median of its rounds, and it
is below its bound only if the whole spread of that median is.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

from tests.bench.spread import Spread

Side = Callable[[float], float]
"""Works for that many seconds. Returns its figure; more is better."""

Sides = Callable[[], AbstractContextManager[tuple[Side, Side]]]
"""Starts both sides, proves that they do the same, and yields them, ours first."""


@runtime_checkable
class Parted(Protocol):
    """A side that knows how its cost divides."""

    def parts(self) -> Mapping[str, float]:
        """Return the cost of one request by part, in the unit of 1 / figure."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `at_least` is the bound of the ratio; None for no bound.

    With an `allowance` ours may cost that many times what theirs does: the ratio is multiplied by it.
    `stretch` makes rounds longer and fewer, or, below 1, shorter and more: as short as the sides allow is best, because
    less can change between the two of a round.
    """

    path: str
    against: str
    at_least: float | None
    unit: str
    sides: Sides
    allowance: float = 1.0
    stretch: float = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """A line in seconds: how long people wait for something, against a bound.

    Its ratio is the bound over the measured time, so more is better here too, and the bound of the ratio is 1.
    `seconds` measures one or more times. It returns the measured times, each with its bound.
    """

    path: str
    against: str
    seconds: Callable[[], Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a row measured; `ours` and `theirs` are medians, in `unit`, or seconds and their bound.

    `parts` divides the cost of ours, in costs of theirs. `others` is the share of the machine that other processes used
    meanwhile, 0 to 1.
    """

    path: str
    against: str
    ratio: Spread
    at_least: float | None
    ours: float
    theirs: float
    unit: str
    rounds: Sequence[float]
    parts: Mapping[str, float] = field(default_factory=dict)
    others: float = 0.0

    @property
    def broken(self) -> bool:
        """Whether the ratio is below its bound, beyond its spread."""
        return self.at_least is not None and self.ratio.below(self.at_least)

    def to_json(self) -> Mapping[str, Any]:
        """Return the entry of the results file."""
        spread = {"ratio": self.ratio.median, "low": self.ratio.low, "high": self.ratio.high}
        return {**asdict(self), **spread, "broken": self.broken}


def measure(row: Row, *, rounds: int, seconds: float) -> Result:
    """Time both sides alternately: one round each to warm up, then `rounds` of `seconds`, stretched."""
    rounds, seconds = max(1, round(rounds / row.stretch)), seconds * row.stretch
    with row.sides() as (ours, theirs):
        for side in (ours, theirs):
            side(seconds)
        figures: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds):
            # The order alternates: the second of a pair may find the machine warmer.
            for index in (0, 1) if number % 2 == 0 else (1, 0):
                figures[index].append((ours, theirs)[index](seconds))
        parts: Mapping[str, float] = ours.parts() if isinstance(ours, Parted) else {}
    our_median, their_median = (statistics.median(each) for each in figures)
    ratios = [row.allowance * mine / their for mine, their in zip(*figures, strict=True)]
    return Result(
        row.path,
        row.against,
        Spread.of(ratios),
        row.at_least,
        our_median,
        their_median,
        row.unit,
        ratios,
        {name: cost * their_median for name, cost in parts.items()},
    )


def timed(timing: Timing) -> Result:
    """Measure, and compare the seconds with their bound."""
    runs = timing.seconds()
    took, most = (statistics.median(each) for each in zip(*runs, strict=True))
    ratios = [bound / seconds for seconds, bound in runs]
    return Result(timing.path, timing.against, Spread.of(ratios), 1.0, took, most, "s", ratios)
