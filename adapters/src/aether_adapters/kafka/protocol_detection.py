"""Detects whether brokers support the consumer group protocol of KIP-848.

librdkafka does not report missing support: it looks for another coordinator forever. So the kit asks first.
Source: https://kafka.apache.org/protocol#The_Messages_ApiVersions
"""

from __future__ import annotations

import socket
import struct
from typing import Final

from aether_adapters.kafka.cluster import Cluster
from aether_adapters.kafka.diagnosis import addresses, opened

_API_VERSIONS: Final = 18
_CONSUMER_GROUP_HEARTBEAT: Final = 68
_NULL_STRING_LENGTH: Final = -1
_MAX_RESPONSE_BYTES: Final = 65_536


def supports_kip_848(cluster: Cluster) -> bool | None:
    """Whether the first broker that responds supports KIP-848; None if no broker responds.

    A broker answers this question before a client authenticates itself.
    """
    try:
        for host, port in addresses(cluster):
            try:
                return _CONSUMER_GROUP_HEARTBEAT in _api_keys(cluster, host, port)
            except (OSError, ValueError, struct.error):
                continue
    except ValueError:
        return None
    return None


def _api_keys(cluster: Cluster, host: str, port: int) -> set[int]:
    """Return a broker's API keys; raises `OSError`, `ValueError` or `struct.error` for an invalid response."""
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, _NULL_STRING_LENGTH)
    with opened(cluster, host, port) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", _receive_exactly(connection, 4))
        if not 0 < length <= _MAX_RESPONSE_BYTES:
            raise ValueError(f"A response of {length} bytes is not from Kafka.")
        answer = _receive_exactly(connection, length)
    _, _, count = struct.unpack_from(">ihi", answer)
    return {
        key for key, _, highest in struct.iter_unpack(">hhh", answer[10 : 10 + 6 * count]) if highest >= 0
    }


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("The broker closed the connection.")
        data += part
    return data
