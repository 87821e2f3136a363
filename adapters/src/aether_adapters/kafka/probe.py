"""Whether a Kafka broker answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from aether_adapters.kafka.producer import LIBRARY_LOG
from aether_adapters.kernel.errors import Unavailable


def probe(bootstrap: str, *, seconds: float = 1.0) -> Callable[[], None]:
    """A health probe: asks for the cluster's brokers, else raises `errors.Unavailable`; one client for all calls."""

    # At the first call: a client connects when it is made, and a composition root only puts things together.
    @cache
    def client() -> AdminClient:
        return AdminClient(
            {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 1000}, logger=LIBRARY_LOG
        )

    def ask() -> None:
        try:
            client().list_topics(timeout=seconds)
        except KafkaException as error:
            raise Unavailable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}") from error

    return ask
