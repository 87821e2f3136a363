"""Metrics of rate limits."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

COUNTED_HERE: Final = Counter(
    "aether_limits_counted_here",
    "Rate limit decisions that this process made alone, because Redis was slow or away.",
)
