"""The log says where each server listens, and whether it speaks TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aether_adapters.service.listening import announce
from aether_adapters.service.server_settings import ServerSettings
from aether_adapters.testing.certificates import Authority
from structlog.testing import capture_logs


def announced(server: str, **settings: Any) -> tuple[str, str]:
    with capture_logs() as logs:
        announce(ServerSettings(**settings), server, 4711)
    (line,) = logs
    assert (line["event"], line["server"]) == ("server listens", server)
    return line["address"], line["tls"]


@pytest.mark.parametrize(
    ("server", "prefix"),
    [("the REST server", "rest"), ("the gRPC server", "grpc"), ("the admin port", "admin")],
)
def test_each_server_has_a_line(server: str, prefix: str, tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("server")
    own = {f"{prefix}_tls_cert": files.cert, f"{prefix}_tls_key": files.key}
    clients = {f"{prefix}_tls_ca": files.ca} | ({"grpc_tls_mutual": True} if prefix == "grpc" else {})
    assert announced(server, **{f"{prefix}_host": "0.0.0.0"}) == ("0.0.0.0:4711", "off")
    assert announced(server, **{f"{prefix}_host": "::1"}, **own) == ("[::1]:4711", "on")
    assert announced(server, **own, **clients) == ("127.0.0.1:4711", "on, with certificates of clients")
