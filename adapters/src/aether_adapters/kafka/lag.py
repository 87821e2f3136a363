"""Measures how far a consumer is behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from confluent_kafka import Consumer as Client
from confluent_kafka import TopicPartition

from aether_adapters.kafka import metrics

_INTERVAL_SECONDS: Final = 5.0


class Lag:
    """The lag of one member of `group`, by partition, as a metric."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._measure_at = 0.0

    def measure(self, client: Client) -> None:
        """Measure the assigned partitions, if it is time. Raises `KafkaException`."""
        now = time.monotonic()
        if now < self._measure_at:
            return
        self._measure_at = now + _INTERVAL_SECONDS
        for position in client.position(client.assignment()):
            _, end = client.get_watermark_offsets(position, cached=True)
            if position.offset >= 0 and end >= 0:
                metrics.LAG.labels(self._group, position.topic, position.partition).set(end - position.offset)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop the metric of partitions that another member owns now: it would go stale."""
        for revoked in partitions:
            metrics.LAG.remove_by_labels(
                {"group": self._group, "topic": revoked.topic, "partition": str(revoked.partition)}
            )
