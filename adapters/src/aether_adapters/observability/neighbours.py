"""Metrics and log lines of the servers that a process depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from aether_adapters.kernel.neighbour import Neighbour, Outcome

_CALLS: Final = Counter(
    "aether_neighbour_calls",
    "Calls of another server by outcome: accepted, failed, slow, refused (not sent: it fails), full (not sent: its share of threads is taken).",
    ("neighbour", "outcome"),
)
_AWAY: Final = Gauge("aether_neighbour_away", "1 while no call is sent to this server.", ("neighbour",))
_LOG: Final = structlog.get_logger("aether.neighbours")


def watched(
    name: str, *, places: int, slow_seconds: float, probe: Callable[[], object] | None = None
) -> Neighbour:
    """Return a `Neighbour` whose calls are counted and whose changes are logged under `name`."""
    return Neighbour(name, places=places, slow_seconds=slow_seconds, probe=probe, watch=_Watch(name))


class _Watch:
    def __init__(self, name: str) -> None:
        self._name = name
        self._calls = {outcome: _CALLS.labels(name, outcome.value) for outcome in Outcome}
        self._away = _AWAY.labels(name)

    def ended(self, outcome: Outcome, /) -> None:
        self._calls[outcome].inc()

    def changed(self, *, away: bool) -> None:
        self._away.set(away)
        if away:
            _LOG.warning("not asked until it answers again", neighbour=self._name)
        else:
            _LOG.info("answers again", neighbour=self._name)
