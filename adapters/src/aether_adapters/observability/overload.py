"""Metric of the calls that a server refuses because its process has no room for them."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

from aether_adapters.kernel.criticality import Criticality

_REFUSED: Final = Counter(
    "aether_overload_refused",
    "Calls that a server (rest, grpc) refused because its process had no room for them, by their criticality.",
    ("server", "criticality"),
)


class OverloadRefusals:
    """Counts the refusals of one server. Thread-safe."""

    def __init__(self, server: str) -> None:
        self._counters = {level: _REFUSED.labels(server, level.name.lower()) for level in Criticality}

    def count(self, level: Criticality) -> None:
        """Count one refused call of this criticality."""
        self._counters[level].inc()
