"""Token buckets for rate limits, in Redis for all processes or in memory for one.

Algorithm: https://en.wikipedia.org/wiki/Token_bucket.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import redis

_TAKE: Final = """
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(state[1]) or burst, tonumber(state[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000000)
local allowed, wait = 0, 0
if tokens >= cost then
  allowed, tokens = 1, tokens - cost
else
  wait = (cost - tokens) / rate
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / rate * 1000) + 1000)
return {allowed, math.floor(tokens), string.format('%.6f', wait)}
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """A bucket's decision: `remaining` whole tokens; `retry_after` in seconds, 0 when allowed."""

    allowed: bool
    remaining: int
    retry_after: float


class TokenBucket:
    """Allows each key up to `burst` requests at once and `rate` per second, by Redis's clock.

    It is one script, so two processes never take the same token. `name` separates limits that share a Redis.
    A full bucket's key expires.
    """

    def __init__(self, client: redis.Redis, name: str, rate: float, burst: int) -> None:
        _check(rate, burst)
        self._take = client.register_script(_TAKE)
        self._name = name
        self._rate = rate
        self._burst = burst

    def __call__(self, key: str, cost: int = 1) -> Allowance:
        """Take `cost` tokens of `key` if it has them.

        Raises `Unavailable`, and `ValueError` for a cost above the burst.
        """
        _check_cost(cost, self._burst)
        allowed, left, wait = self._take(
            keys=[f"bucket:{self._name}:{key}"], args=[self._rate, self._burst, cost]
        )
        return Allowance(allowed == 1, int(left), float(wait))


class MemoryTokenBucket:
    """The same limit for one process, for at most `keys` recent keys; `clock` returns seconds."""

    def __init__(
        self, rate: float, burst: int, *, clock: Callable[[], float] = time.monotonic, keys: int = 100_000
    ) -> None:
        _check(rate, burst)
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._keys = keys
        self._lock = threading.Lock()
        self._states: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __call__(self, key: str, cost: int = 1) -> Allowance:
        """Take `cost` tokens of `key` if it has them. Raises `ValueError` for a cost above the burst."""
        _check_cost(cost, self._burst)
        with self._lock:
            now = self._clock()
            tokens, at = self._states.pop(key, (float(self._burst), now))
            tokens = min(self._burst, tokens + max(0.0, now - at) * self._rate)
            allowed = tokens >= cost
            wait = 0.0 if allowed else (cost - tokens) / self._rate
            tokens -= cost if allowed else 0
            self._states[key] = (tokens, now)
            if len(self._states) > self._keys:
                self._states.popitem(last=False)
        return Allowance(allowed, math.floor(tokens), wait)


def _check(rate: float, burst: int) -> None:
    if rate <= 0 or burst < 1:
        raise ValueError(f"rate is {rate} and burst {burst}; a bucket needs rate > 0 and burst >= 1.")


def _check_cost(cost: int, burst: int) -> None:
    if not 1 <= cost <= burst:
        raise ValueError(f"cost is {cost}; it must be between 1 and the burst, {burst}.")
