"""Ports of a run: the wanted one if it is free, and never one that another process can get in the meantime."""

from __future__ import annotations

import socket
import sys
from concurrent import futures

import grpc
import pytest
from aether_tools.runner.ports import HOST, Ports


def test_a_port_is_the_wanted_one_unless_it_is_taken() -> None:
    ports = Ports()
    with socket.create_server((HOST, 0)) as other:
        theirs = other.getsockname()[1]
        assert ports.take(theirs) != theirs
    assert ports.take(theirs) == theirs
    assert ports.take(theirs) != theirs


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems do not let a server listen on a bound port"
)
def test_no_other_process_gets_an_allocated_port_unless_it_binds_it_by_number() -> None:
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
            socket.create_connection((HOST, port), timeout=60).close()
        server.stop(None).wait(60)
