"""Which loopback ports a run takes: the same ones every time where they are free."""

from __future__ import annotations

import socket
import sys
from typing import Final

HOST: Final = "127.0.0.1"
REST_BASE: Final = 8080
GRPC_ABOVE_REST: Final = 1010
"""gRPC ports begin this far above the REST ports: 9090 beside 8080."""


class Ports:
    """Hands out ports, none twice.

    Those that the kernel chose it would choose again, for any process that asks before ours listens. So on Linux they
    stay bound here: it then lets only those listen on them who ask for them by number and allow reuse, as servers do.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._kept: list[socket.socket] = []

    def take(self, wanted: int) -> int:
        """`wanted` where it is free, else a free one; 0 takes any."""
        port = wanted if wanted and wanted not in self._taken and _free(wanted) else self._any()
        self._taken.add(port)
        return port

    def _any(self) -> int:
        while True:
            chosen = _bound(0)
            port: int = chosen.getsockname()[1]
            if sys.platform == "linux":
                self._kept.append(chosen)  # for as long as this lives
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
    """A socket on the port, 0 for any, that does not listen; raises `OSError` where somebody else does."""
    bound = socket.socket()
    try:
        # As servers do: a port whose last connections are in TIME_WAIT is free.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
