"""Which loopback ports a run takes: the same ones every time where they are free."""

from __future__ import annotations

import socket
from typing import Final

HOST: Final = "127.0.0.1"
REST_BASE: Final = 8080
GRPC_ABOVE_REST: Final = 1010
"""gRPC ports begin this far above the REST ports: 9090 beside 8080."""


class Ports:
    """Hands out ports, none twice."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self, wanted: int) -> int:
        """`wanted` where it is free, else a free one; 0 takes any."""
        port = wanted if wanted and wanted not in self._taken and _free(wanted) else self._any()
        self._taken.add(port)
        return port

    def _any(self) -> int:
        while True:
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                port: int = probe.getsockname()[1]
            if port not in self._taken:
                return port


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
