"""E11: no token makes a server wait for a server of keys."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import httpx
import pytest

from tests.attacks.conftest import Victim, victim_of
from tests.attacks.signing import Signer, answers
from tests.attacks.stranger import Stranger
from tests.support.acme import Acme


class TricklingServer:
    """Serves `keys` once, and later one byte every half second; `served` counts the connections."""

    def __init__(self, keys: str) -> None:
        self.served = 0
        self._keys = keys.encode()
        self.stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/jwks.json"

    @contextmanager
    def running(self) -> Iterator[None]:
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield
        finally:
            self.stop.set()
            self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.served += 1
                threading.Thread(target=self._trickle, args=(connection,), daemon=True).start()

    def _trickle(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            if self.served == 1:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + self._keys)
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self.stop.wait(0.5):
                connection.sendall(b"x")


@pytest.mark.parametrize("seconds", [1.5, pytest.param(25.0, marks=pytest.mark.prove)])
def test_tokens_with_unknown_keys_cost_strangers_nothing(
    billing: Acme, tmp_path: Path, seconds: float
) -> None:
    users, remote = Signer("users"), Signer("remote")
    trickling = TricklingServer(remote.key_set())
    (tmp_path / "users.json").write_text(users.key_set())
    with (
        trickling.running(),
        victim_of(billing, tmp_path, JWKS=f"{tmp_path}/users.json {trickling.url}") as victim,
        httpx.Client(base_url=victim.rest, timeout=30) as anyone,
        httpx.Client(
            base_url=victim.rest, headers={"authorization": f"Bearer {users.token()}"}, timeout=30
        ) as caller,
    ):
        assert answers(victim, remote.token()) == (200, grpc.StatusCode.OK)
        stranger = Stranger(
            healthz=lambda: anyone.get("/healthz"), operation=lambda: caller.get("/v1/invoices")
        )
        with stranger.unharmed():
            took = _attack(victim, seconds)
        # A read takes five seconds at most, and there is one at a time, however many tokens want it.
        assert trickling.served <= 2 + took / 5
        assert answers(victim, remote.token("bob")) == (200, grpc.StatusCode.OK), "the last keys stay valid"


def _attack(victim: Victim, seconds: float) -> float:
    """Send tokens of unknown keys to both servers, each with an id of its own, at least 11; return how long it took."""
    began = time.monotonic()
    number = 0
    while time.monotonic() < began + seconds or number <= 10:
        number += 1
        refused = answers(victim, Signer(f"nobody-{number}").token())
        assert refused == (401, grpc.StatusCode.UNAUTHENTICATED)
        time.sleep(0.02)
    return time.monotonic() - began
