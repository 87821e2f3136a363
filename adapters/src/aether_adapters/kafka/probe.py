"""Readiness probe for Kafka."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from aether_adapters.kafka.cluster import Cluster
from aether_adapters.kafka.diagnosis import refused_certificate
from aether_adapters.kafka.producer import LIBRARY_LOG
from aether_adapters.kernel.errors import Unavailable

_TELLING: Final = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})
"""Errors that say what is wrong; the others say that brokers are down."""


def probe(cluster: Cluster | str, *, seconds: float = 1.0) -> Callable[[], None]:
    """Return a probe that raises `kernel.errors.Unavailable` unless a broker responds; calls share a client.

    The error's reason names the certificate or the credentials that were refused.
    """
    cluster = Cluster.of(cluster)
    failed = list[str]()

    # Created by the first call: a client connects immediately, and a composition root must not.
    @cache
    def client() -> AdminClient:
        def note(error: KafkaError) -> None:
            if error.code() in _TELLING:
                failed.append(error.str())

        options: dict[str, Any] = cluster.options() | {
            "reconnect.backoff.max.ms": 1000,
            "log_level": 3,
            "error_cb": note,
        }
        return AdminClient(options, logger=LIBRARY_LOG)

    def ask() -> None:
        failed.clear()
        try:
            client().list_topics(timeout=seconds)
        except KafkaException as error:
            client().poll(0)  # takes what `note` hears
            reason = refused_certificate(cluster) or next(iter(failed), error.args[0].str())
            raise Unavailable(
                f"Kafka at {cluster.bootstrap} does not respond: {error.args[0].str()}", reason=reason
            ) from error

    return ask
