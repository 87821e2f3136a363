"""Metrics of the Kafka kit and of the outbox relay."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

SENT: Final = Counter("aether_outbox_sent", "Events that a relay sent and marked.", ["relay"])
FAILED: Final = Counter("aether_outbox_failed", "Failed attempts to send an event.", ["relay"])
WAITING: Final = Gauge("aether_outbox_waiting", "Unsent events in the outbox.", ["relay"])
AGE: Final = Gauge("aether_outbox_oldest_seconds", "Age of the oldest unsent event.", ["relay"])
LEADING: Final = Gauge("aether_outbox_leading", "1 if this process holds the relay's lease.", ["relay"])
CONSUMED: Final = Counter(
    "aether_kafka_consumed",
    "Finished messages: handled, ignored (no handler for the type), dead (moved to the dead letters).",
    ["group", "topic", "outcome"],
)
RETRIED: Final = Counter("aether_kafka_retried", "Messages put back for a later attempt.", ["group", "topic"])
LAG: Final = Gauge(
    "aether_kafka_consumer_lag", "Messages behind the end of a partition.", ["group", "topic", "partition"]
)
BEHIND: Final = Gauge(
    "aether_broadcast_behind_seconds",
    "Time since every event of a topic was known to have been read by this process, in seconds.",
    ["topic"],
)
