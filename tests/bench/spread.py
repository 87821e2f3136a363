"""The median of a row's rounds, and how far it can be trusted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the interval from `low` to `high` that contains the true one with `CONFIDENCE`.

    The interval is between two order statistics, so it supposes nothing of how the rounds are distributed: the true
    median is below the k-th smallest of n rounds only if fewer than k of them fell below it, like heads of a fair coin
    (David and Nagaraja, "Order Statistics", 7.1). Fewer than six rounds cannot reach `CONFIDENCE`: the interval is then
    from the least to the greatest.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Self:
        """Return the spread of one or more rounds."""
        ordered = sorted(rounds)
        cut = _cut(len(ordered))
        return cls(statistics.median(ordered), ordered[cut], ordered[-1 - cut])

    def below(self, bound: float) -> bool:
        """Whether the true median is below `bound`, beyond the spread."""
        return self.high < bound


def _cut(count: int) -> int:
    """Return how many rounds the interval leaves out at each end."""
    tail, cut = 1.0, 0
    while 2 * tail / 2**count <= 1 - CONFIDENCE:
        cut += 1
        tail += math.comb(count, cut)
    return max(0, cut - 1)
