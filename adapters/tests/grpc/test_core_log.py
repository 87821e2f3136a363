"""gRPC's core writes nothing to stderr for handshakes that strangers do not finish."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from aether_adapters.testing.certificates import Authority

PROGRAM = """
import socket, sys
from aether_adapters.grpc import Server
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.observability.health import Health
files = TlsFiles(cert=sys.argv[1], key=sys.argv[2])
health = Health({})
server = Server([], errors=ErrorTable("x", {}), verify=None, health=health, address="127.0.0.1:0", tls=files)
server.start()
for data in (b"GET / HTTP/1.1\\r\\n\\r\\n", b"\\0" * 100):
    with socket.create_connection(("127.0.0.1", server.port), 60) as stranger:
        stranger.sendall(data)
        stranger.recv(100)
print("done")
server.stop(0)
"""


def test_handshakes_of_strangers_write_no_line(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("server")
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    command = [sys.executable, "-c", PROGRAM, files.cert, files.key]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.stdout == "done\n", ran.stderr
    assert "Handshake" not in ran.stderr
