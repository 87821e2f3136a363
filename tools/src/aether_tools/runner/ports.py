"""Allocates the loopback ports of a run: the same ones every time, if they are free."""

from __future__ import annotations

import socket
import sys
from typing import Final

HOST: Final = "127.0.0.1"
REST_BASE_PORT: Final = 8080
GRPC_PORT_OFFSET: Final = 1010
"""Difference between a domain's gRPC and REST ports, such as 9090 and 8080."""


class Ports:
    """Allocates ports, none twice.

    The kernel may assign a port it chose for us to another process that binds port 0 before our server listens. So on
    Linux keep such ports bound: only a process that requests one by number with SO_REUSEADDR, as servers do, can then
    bind it.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._kept: list[socket.socket] = []

    def take(self, wanted: int) -> int:
        """Return the port `wanted` if it is free, or else any free port. 0 means any."""
        port = wanted if wanted and wanted not in self._taken and _free(wanted) else self._any()
        self._taken.add(port)
        return port

    def _any(self) -> int:
        while True:
            chosen = _bound(0)
            port: int = chosen.getsockname()[1]
            if sys.platform == "linux":
                self._kept.append(chosen)
            else:
                chosen.close()
            if port not in self._taken:
                return port


def _free(port: int) -> bool:
    try:
        _bound(port).close()
    except OSError:
        return False
    return True


def _bound(port: int) -> socket.socket:
    """Return a socket bound to a port (0: any) that does not listen. Raises `OSError` if the port is taken."""
    bound = socket.socket()
    try:
        # Treat a port as free, as servers do, if its last connections are in TIME_WAIT.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
