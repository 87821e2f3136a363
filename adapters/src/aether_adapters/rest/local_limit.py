"""Rate limit that a process counts for itself, for routes outside the contract.

They must answer while Redis is away, a liveness probe above all, so no shared bucket counts them.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from aether_adapters.kernel.addresses import counted_as
from aether_adapters.kernel.errors import Exhausted

_MAX_ADDRESSES: Final = 10_000
_BURST_SECONDS: Final = 2.0


class LocalLimit:
    """Token bucket for each client address. Use it from one event loop only."""

    def __init__(self, rate: float) -> None:
        """`rate` is in requests per second; twice as many may come at once."""
        self._rate = rate
        self._burst = max(1.0, rate * _BURST_SECONDS)
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, address: str) -> None:
        """Count one request. Raises `Exhausted`."""
        key = counted_as(address)
        now = monotonic()
        tokens, since = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        allowed = tokens >= 1
        self._buckets[key] = tokens - 1 if allowed else tokens, now
        if len(self._buckets) > _MAX_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]  # the one that has not come for longest
        if not allowed:
            raise Exhausted(
                "Too many requests outside the contract; try again.", retry_after=(1 - tokens) / self._rate
            )
