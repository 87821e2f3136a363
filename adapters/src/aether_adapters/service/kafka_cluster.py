"""The Kafka cluster that the settings describe."""

from __future__ import annotations

from aether_adapters.kafka.cluster import Cluster, Sasl
from aether_adapters.observability.certificates import show_expiry
from aether_adapters.service.settings import ServiceSettings


def kafka_cluster(settings: ServiceSettings) -> Cluster:
    """Return the cluster. Raises `ValueError` with the first setting that does not fit the others."""
    sasl = None
    if settings.kafka_sasl_mechanism:
        sasl = Sasl(
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            token_url=settings.kafka_oauth_token_url,
            client_id=settings.kafka_oauth_client_id,
            client_secret=settings.kafka_oauth_client_secret.get_secret_value(),
            scope=settings.kafka_oauth_scope,
            token_ca=settings.kafka_oauth_tls_ca,
        )
    cluster = Cluster(settings.kafka_bootstrap, settings.kafka_security, settings.kafka_tls, sasl)
    show_expiry("kafka", settings.kafka_tls.cert)  # librdkafka reads it once, when a client is made
    return cluster
