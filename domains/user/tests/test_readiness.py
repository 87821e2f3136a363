"""A server that is away: the service says so, does without it where it can, and recovers by itself."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from aether_adapters import sql
from aether_adapters.embedded import EmbeddedRedis
from aether_adapters.embedded.children import free_port
from aether_adapters.kernel.errors import Unavailable

from aether.common.v1.types import Caller
from aether.user.v1 import types
from aether_user.__main__ import migrations
from aether_user.container import Container

PORT = free_port()
"""Where Redis is, when it is there."""
ADA = types.RegisterRequest(username="ada", mobile="+8613800138000", password="correct horse")
SIGN_IN = types.SignInRequest(login="ada", password="correct horse", client_address="192.0.2.1")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of its own, no other server, and cheap passwords."""
    database = f"sqlite:///{tmp_path}/test.db"
    sql.migrate(database, migrations())
    monkeypatch.setenv("USER_DATABASE_URL", database)
    monkeypatch.setenv("USER_REDIS_URL", f"redis://127.0.0.1:{PORT}/0")
    monkeypatch.setenv("USER_KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("USER_HASH_KIBIBYTES", "32")
    monkeypatch.setenv("USER_KEY_SECRET", "only this test knows")


@pytest.fixture
def container(environment: None) -> Iterator[Container]:
    """The rpc role of a service whose Redis is away."""
    container = Container(roles=frozenset({"rpc"}))
    yield container
    container.backing().worker_number.stop()
    container.backing().database.dispose()


def serves(admin: int) -> bool:
    """Its roles run: from then on it obeys a signal in good order."""
    try:
        return httpx.get(f"http://127.0.0.1:{admin}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.usefixtures("environment")
def test_a_process_has_its_worker_number_before_it_serves_and_gives_it_back(tmp_path: Path) -> None:
    """Its first id must not have to lease one: that would be a transaction inside another."""
    admin = free_port()
    number = "SELECT expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now') FROM worker_leases"
    process = subprocess.Popen(
        [sys.executable, "-m", "aether_user", "rpc"],
        env=os.environ
        | {
            "USER_GRPC_PORT": "0",
            "USER_ADMIN_PORT": str(admin),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )

    def leased() -> list[tuple[int]]:
        with closing(sqlite3.connect(tmp_path / "test.db")) as connection:
            return connection.execute(number).fetchall()

    ends = time.monotonic() + 60
    while not serves(admin):
        assert process.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert leased() == [(1,)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert leased() == [(0,)]


@pytest.mark.usefixtures("environment")
def test_each_role_asks_for_the_servers_it_cannot_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*roles: str) -> set[str]:
        results = Container(roles=frozenset(roles)).process().health.check()
        return {name for name, result in results.items() if not result.ok}

    assert away("api") == away("rpc") == set()
    assert away("worker") == away("api", "rpc", "worker") == {"kafka"}
    monkeypatch.setenv("USER_RPC_TARGET", f"127.0.0.1:{free_port()}")
    assert away("api") == {"rpc"}
    monkeypatch.setenv("USER_DATABASE_URL", "mysql+pymysql://root@127.0.0.1:9/none")
    assert away("rpc") == {"database"}


def test_without_redis_everybody_gets_in_and_only_the_list_of_sessions_waits(
    container: Container, tmp_path: Path
) -> None:
    service = container.service()
    user = service.register(ADA)
    ada = Caller(subject=str(user.id), session="")
    begun = time.monotonic()
    tokens = service.sign_in(SIGN_IN)
    refresh = types.RefreshTokensRequest(refresh_token=tokens.refresh_token, client_address="192.0.2.2")
    assert service.get_user(types.GetUserRequest(id=user.id)).username == "ada"
    with pytest.raises(Unavailable):
        service.list_sessions(types.ListSessionsRequest(caller=ada))
    assert time.monotonic() - begun < 2
    with EmbeddedRedis(tmp_path / "redis", port=PORT):
        service.refresh_tokens(refresh)
        (session,) = service.list_sessions(types.ListSessionsRequest(caller=ada)).sessions
        assert session.address == "192.0.2.2"
