"""Tests of free ports: what one process got, no other gets before it listens."""

import socket
import subprocess
import sys

import pytest
from aether_adapters.embedded import children

_ASK_FOR = """
import sys
from aether_adapters.embedded import children
children._PORTS = range(int(sys.argv[1]), int(sys.argv[1]) + 1)
print(children.free_port())
"""


def test_a_port_is_given_to_one_process_before_anybody_listens() -> None:
    port = children.free_port()
    asked = subprocess.run(
        [sys.executable, "-c", _ASK_FOR, str(port)], capture_output=True, text=True, check=False
    )
    assert f"no port from {port} to {port} is free" in asked.stderr


def test_a_port_can_be_listened_on_by_whoever_got_it() -> None:
    with socket.create_server(("127.0.0.1", children.free_port())) as server:
        assert server.getsockname()[1] < 32_000


def test_a_port_on_which_somebody_listens_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(children, "_PORTS", range(port, port + 1))
        with pytest.raises(OSError, match="is free"):
            children.free_port()
