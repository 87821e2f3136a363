"""Request metrics of the REST servers, in Prometheus' data model.

prometheus-client takes a lock for every increment. A server counts on one thread, so it counts in plain
Python and converts the numbers only when they are scraped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from operator import add
from typing import Final
from weakref import WeakSet

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the duration histogram."""


class RequestSeries:
    """The counts of one server; only its thread writes them."""

    def __init__(self, domain: str) -> None:
        self.domain = domain
        self.in_flight = 0
        self.counts: dict[tuple[str, int], list[float]] = {}
        """By operation and status: requests in each bucket, then the sum of their seconds."""

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        counts = self.counts.get((operation, status))
        if counts is None:
            counts = self.counts[operation, status] = [0.0] * (len(BUCKETS_SECONDS) + 2)
        counts[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        counts[-1] += seconds


class Requests(Collector):
    """All REST servers of this process, as one set of metrics."""

    def __init__(self) -> None:
        self._series: WeakSet[RequestSeries] = WeakSet()

    def series(self, domain: str) -> RequestSeries:
        """Create the counts of a new server; they live as long as the server holds them."""
        series = RequestSeries(domain)
        self._series.add(series)
        return series

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values, so that registration reads none."""
        return self._families()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; servers of one domain are summed."""
        total, duration, in_flight = self._families()
        statuses: Counter[tuple[str, str, int]] = Counter()
        durations: dict[tuple[str, str], list[float]] = {}
        inside: Counter[str] = Counter()
        for series in list(self._series):
            inside[series.domain] += series.in_flight
            for (operation, status), counts in list(series.counts.items()):
                statuses[series.domain, operation, status] += round(sum(counts[:-1]))
                known = durations.setdefault((series.domain, operation), [0.0] * len(counts))
                durations[series.domain, operation] = [*map(add, known, counts)]
        for (domain, operation, status), count in sorted(statuses.items()):
            total.add_metric([domain, operation, str(status)], count)
        bounds = [*(str(bound) for bound in BUCKETS_SECONDS), "+Inf"]
        for (domain, operation), (*counts, seconds) in sorted(durations.items()):
            cumulated = list(zip(bounds, accumulate(counts), strict=True))
            duration.add_metric([domain, operation], cumulated, seconds)
        for domain, count in sorted(inside.items()):
            in_flight.add_metric([domain], count)
        yield from (total, duration, in_flight)

    @staticmethod
    def _families() -> tuple[CounterMetricFamily, HistogramMetricFamily, GaugeMetricFamily]:
        return (
            CounterMetricFamily(
                "aether_rest_requests",
                "Answered REST requests; operation is empty outside the contract.",
                labels=["domain", "operation", "status"],
            ),
            HistogramMetricFamily(
                "aether_rest_request_seconds",
                "Seconds from a request's head to its response.",
                labels=["domain", "operation"],
            ),
            GaugeMetricFamily("aether_rest_in_flight", "REST requests in progress.", labels=["domain"]),
        )


REQUESTS: Final = Requests()
"""The REST servers of this process; registered with Prometheus' default registry."""

REGISTRY.register(REQUESTS)
