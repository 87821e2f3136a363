"""Token buckets that one process counts for itself. Algorithm: https://en.wikipedia.org/wiki/Token_bucket."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aether_adapters.kernel.rate_limits import Allowance, Draw, check


@dataclass(slots=True)
class Level:
    """Tokens of one bucket at a time, in seconds of the counter's clock."""

    tokens: float
    at: float
    learned_at: float = -math.inf
    """When the shared counter was last asked."""
    taken_at: float = -math.inf
    """When a token was last taken here without the shared counter."""


class MemoryCounter:
    """A `Counter` for one process. It remembers the `keys` buckets used last; any other is full."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, keys: int = 100_000) -> None:
        """`clock` returns seconds."""
        self._clock = clock
        self._keys = keys
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, Level] = OrderedDict()

    def take(self, draws: Sequence[Draw], /) -> list[Allowance]:
        """Make all draws, or none if a bucket has too few tokens. Raises `ValueError` for an impossible draw."""
        for draw in draws:
            check(draw)
        with self._lock:
            return self._take(draws)

    async def take_soon(self, draws: Sequence[Draw], /) -> list[Allowance]:
        """Do the same; it never waits."""
        return self.take(draws)

    def _take(self, draws: Sequence[Draw]) -> list[Allowance]:
        now = self._clock()
        levels = [self._level(draw, now) for draw in draws]
        if not all(level.tokens >= draw.cost for draw, level in zip(draws, levels, strict=True)):
            return refused(draws, levels)
        for draw, level in zip(draws, levels, strict=True):
            level.tokens -= draw.cost
            level.taken_at = now
        return [Allowance(True, math.floor(level.tokens), 0.0) for level in levels]

    def _level(self, draw: Draw, now: float) -> Level:
        level = self._levels.get(draw.key)
        if level is None:
            level = self._levels[draw.key] = Level(float(draw.burst), now)
            if len(self._levels) > self._keys:
                self._levels.popitem(last=False)
            return level
        self._levels.move_to_end(draw.key)
        level.tokens = min(draw.burst, level.tokens + max(0.0, now - level.at) * draw.rate)
        level.at = now
        return level


def refused(draws: Sequence[Draw], levels: Sequence[Level]) -> list[Allowance]:
    """Return the answer to draws of which at least one asks for more than its bucket has."""
    return [
        Allowance(True, math.floor(level.tokens), 0.0)
        if level.tokens >= draw.cost
        else Allowance(False, math.floor(level.tokens), (draw.cost - level.tokens) / draw.rate)
        for draw, level in zip(draws, levels, strict=True)
    ]
