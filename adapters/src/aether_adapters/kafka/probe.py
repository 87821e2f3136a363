"""Readiness probe for Kafka."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from aether_adapters.kafka.producer import LIBRARY_LOG
from aether_adapters.kernel.errors import Unavailable


def probe(bootstrap: str, *, seconds: float = 1.0) -> Callable[[], None]:
    """Return a probe that raises `kernel.errors.Unavailable` unless a broker responds; calls share a client."""

    # Created by the first call: a client connects immediately, and a composition root must not.
    @cache
    def client() -> AdminClient:
        return AdminClient(
            {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 1000}, logger=LIBRARY_LOG
        )

    def ask() -> None:
        try:
            client().list_topics(timeout=seconds)
        except KafkaException as error:
            raise Unavailable(f"Kafka at {bootstrap} does not respond: {error.args[0].str()}") from error

    return ask
