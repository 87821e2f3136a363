"""Rate limit that survives a Redis outage: each process then counts by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import redis
import structlog

from aether_adapters.kernel.deadline import remaining, within
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Unavailable
from aether_adapters.redis.token_bucket import Allowance, MemoryTokenBucket, TokenBucket

_LOG = structlog.get_logger("aether.redis")
_SHARED_TIMEOUT_SECONDS: Final = 0.25
"""Longest wait for Redis: a slow limit must not become the outage that it prevents."""


class FallbackTokenBucket:
    """A `TokenBucket` that falls back to a `MemoryTokenBucket` if Redis fails; never raises `Unavailable`.

    After a failure it does not ask Redis for `pause` seconds. Meanwhile N processes together allow N times
    the limit, which is better than a service that is down.
    """

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        rate: float,
        burst: int,
        *,
        pause: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` returns seconds."""
        self._shared = TokenBucket(client, name, rate, burst)
        self._local = MemoryTokenBucket(rate, burst, clock=clock)
        self._name = name
        self._pause = pause
        self._clock = clock
        self._away_until = float("-inf")

    def __call__(self, key: str, cost: int = 1) -> Allowance:
        """Take `cost` tokens of `key` if it has them. Raises `DeadlineExceeded` after the caller's deadline."""
        if self._clock() >= self._away_until:
            try:
                with within(_SHARED_TIMEOUT_SECONDS):
                    return self._shared(key, cost)
            except (Unavailable, Exhausted, DeadlineExceeded) as error:
                remaining(_SHARED_TIMEOUT_SECONDS)
                self._away_until = self._clock() + self._pause
                _LOG.warning("limit is counted in this process only", limit=self._name, reason=str(error))
        return self._local(key, cost)
