"""Says why brokers cannot be reached: librdkafka tells only that they cannot."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from aether_adapters.kafka.cluster import Cluster
from aether_adapters.kernel.tls import refusal

_TIMEOUT_SECONDS: Final = 2.0


def addresses(cluster: Cluster) -> Iterator[tuple[str, int]]:
    """Yield host and port of each broker that was named. Raises `ValueError` for a port that is no number."""
    for address in cluster.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        yield host.strip("[]"), int(port or 9092)


@contextmanager
def opened(cluster: Cluster, host: str, port: int) -> Iterator[socket.socket]:
    """Open a connection, encrypted as the cluster's are. Raises `OSError`, also for a certificate."""
    with closing(socket.create_connection((host, port), _TIMEOUT_SECONDS)) as connection:
        if cluster.encrypted:
            context = cluster.tls.client_context()
            connection = context.wrap_socket(connection, server_hostname=host)
        with closing(connection):
            yield connection


def refused_certificate(cluster: Cluster) -> str | None:
    """Return the sentence about the first certificate that is refused; None if that is not the reason."""
    if not cluster.encrypted:
        return None
    try:
        for host, port in addresses(cluster):
            try:
                with opened(cluster, host, port):
                    pass
            except OSError as error:
                sentence = refusal("Kafka", error)
                if sentence is not None:
                    return sentence
    except ValueError:
        return None
    return None
