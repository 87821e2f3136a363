"""One token bucket for each key, for a rule that counts something other than requests."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from aether_adapters.kernel.rate_limits import Allowance, Counter, Draw, check
from aether_adapters.redis.fallback_counter import counter_of
from aether_adapters.redis.memory_counter import MemoryCounter


class _TokenBucket:
    def __init__(self, counter: Counter, prefix: str, rate: float, burst: int) -> None:
        check(Draw("", rate, burst))
        self._counter = counter
        self._prefix = prefix
        self._rate = rate
        self._burst = burst

    def __call__(self, key: str, cost: int = 1) -> Allowance:
        """Take `cost` tokens of `key` if it has them. Raises `ValueError` for a cost above the burst."""
        return self._counter.take((Draw(self._prefix + key, self._rate, self._burst, cost),))[0]


class MemoryTokenBucket(_TokenBucket):
    """Allows each key up to `burst` at once and `rate` per second, in one process."""

    def __init__(
        self, rate: float, burst: int, *, clock: Callable[[], float] = time.monotonic, keys: int = 100_000
    ) -> None:
        """Remember at most `keys` recent keys; `clock` returns seconds. Raises `ValueError` for an impossible limit."""
        super().__init__(MemoryCounter(clock=clock, keys=keys), "", rate, burst)


class FallbackTokenBucket(_TokenBucket):
    """The same limit for all processes that share a Redis; each counts by itself while Redis is slow or away.

    It then raises nothing and never waits for more than some milliseconds; see `FallbackCounter`.
    """

    def __init__(self, client: redis.Redis, name: str, rate: float, burst: int) -> None:
        """`name` separates limits that share a Redis. Raises `ValueError` for an impossible limit."""
        super().__init__(counter_of(client), f"{name}:", rate, burst)
