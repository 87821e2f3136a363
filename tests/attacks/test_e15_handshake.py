"""E15: a deadline within a store's handshake must not leave a connection in the pool that is not set up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aether_adapters.embedded import EmbeddedRedis
from redis import Redis

from tests.attacks.conftest import victim_of
from tests.support.acme import Acme

_DATABASE = 3
_PART_SECONDS = 0.15


@contextmanager
def slow_handshakes(target: str) -> Iterator[str]:
    """A proxy that sends the first answer of its first connection in three parts, 0.15 s apart.

    No single read takes as long as the limit's quarter of a second, but the answer does.
    """
    real = urlsplit(target)
    first_connection = threading.Lock()

    def back(far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError), near:
            if first_connection.acquire(blocking=False):
                answer = far.recv(65536)
                for part in (answer[:1], answer[1:2], answer[2:]):
                    near.sendall(part)
                    time.sleep(_PART_SECONDS)
            while data := far.recv(65536):
                near.sendall(data)

    def there(near: socket.socket) -> None:
        with suppress(OSError), socket.create_connection((real.hostname, real.port)) as far:
            threading.Thread(target=back, args=(far, near), daemon=True).start()
            while data := near.recv(65536):
                far.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=there, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.prove
@pytest.mark.implementation("redis")
def test_a_slow_handshake_with_redis_sends_no_command_to_another_database(
    billing: Acme, tmp_path: Path
) -> None:
    """The limit waits a quarter of a second for Redis, the handshake takes longer: SELECT was never sent."""
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedRedis(tmp_path / "slow"))
        administrator = stack.enter_context(Redis.from_url(server.url))
        administrator.config_set("requirepass", "correct")
        proxy = stack.enter_context(slow_handshakes(server.url))
        address = f"redis://:correct@{proxy}/{_DATABASE}"
        victim = stack.enter_context(victim_of(billing, tmp_path, REDIS_URL=address))
        client = stack.enter_context(victim.client())
        used = set[str]()
        for _ in range(3):
            assert client.post("/v1/invoices", json={"title": "x"}).status_code == 201
            used |= {name for name, keys in administrator.info("keyspace").items() if keys["keys"]}
            time.sleep(1.1)  # the limit asks Redis again after a second
        assert used == {f"db{_DATABASE}"}, "limits were counted in a database that the address does not name"
