"""Metrics of the Kafka kit and of the outbox relay."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

SENT: Final = Counter("aether_outbox_sent", "Events a relay has sent and marked.", ["relay"])
FAILED: Final = Counter("aether_outbox_failed", "Attempts to send an event that failed.", ["relay"])
WAITING: Final = Gauge("aether_outbox_waiting", "Events that wait in the outbox.", ["relay"])
AGE: Final = Gauge(
    "aether_outbox_oldest_seconds", "How long ago the oldest waiting event happened.", ["relay"]
)
LEADING: Final = Gauge("aether_outbox_leading", "1 where this process holds the relay's lease.", ["relay"])
CONSUMED: Final = Counter(
    "aether_kafka_consumed",
    "Messages done with: handled, ignored (a type nobody handles), dead (moved to the dead letters).",
    ["group", "topic", "outcome"],
)
RETRIED: Final = Counter(
    "aether_kafka_retried", "Messages put back to be tried again later.", ["group", "topic"]
)
LAG: Final = Gauge(
    "aether_kafka_consumer_lag", "Messages behind the end of a partition.", ["group", "topic", "partition"]
)
