"""The ports of a run: those asked for where they are free, and none that another process is given meanwhile."""

from __future__ import annotations

import socket
import sys
from concurrent import futures

import grpc
import pytest
from aether_tools.runner.ports import HOST, Ports


def test_a_port_is_the_one_asked_for_unless_somebody_has_it() -> None:
    ports = Ports()
    with socket.create_server((HOST, 0)) as other:
        theirs = other.getsockname()[1]
        assert ports.take(theirs) != theirs
    assert ports.take(theirs) == theirs
    assert ports.take(theirs) != theirs


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port that is kept cannot be listened on")
def test_a_free_port_is_nobody_elses_until_a_server_asks_for_it_by_number() -> None:
    ports = Ports()
    taken = {ports.take(0) for _ in range(20)}
    assert len(taken) == 20
    given: set[int] = set()
    for reuse in (0, 1) * 8:
        others = [socket.socket() for _ in range(300)]
        for other in others:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            other.bind((HOST, 0))
            given.add(other.getsockname()[1])
        for other in others:
            other.close()
    assert not given & taken
    first, second, *_ = taken
    with socket.create_server((HOST, first)):
        server = grpc.server(futures.ThreadPoolExecutor(1), options=(("grpc.so_reuseport", 0),))
        assert server.add_insecure_port(f"{HOST}:{second}") == second
        server.start()
        for port in (first, second):
            socket.create_connection((HOST, port), timeout=5).close()
        server.stop(None).wait(5)
