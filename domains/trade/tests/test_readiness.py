"""A server that is away: the service says so, goes on with what needs it not, and recovers by itself."""

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
from aether_adapters.auth.key_sets import DevelopmentKeys
from aether_adapters.embedded.children import free_port
from aether_adapters.kernel.errors import Kind, Unavailable

from aether.trade.v1 import types
from aether_trade.__main__ import migrations
from aether_trade.container import ERRORS, Container

from .conftest import ADA, OPERATOR


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of its own, and no other server."""
    database = f"sqlite:///{tmp_path}/test.db"
    sql.migrate(database, migrations())
    monkeypatch.setenv("TRADE_DATABASE_URL", database)
    monkeypatch.setenv("TRADE_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("TRADE_SERVICE_KEY", str(tmp_path / "private.pem"))
    monkeypatch.setenv("TRADE_KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("TRADE_PROMOTION_TARGET", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("TRADE_PAYMENT_SECRETS", '["shared with the provider"]')
    monkeypatch.setenv("TRADE_PAYMENT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("TRADE_JWKS", str(DevelopmentKeys(tmp_path).ensure().jwks))


@pytest.fixture
def container(environment: None) -> Iterator[Container]:
    """The rpc role of a service with nothing but its database."""
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
        [sys.executable, "-m", "aether_trade", "rpc"],
        env=os.environ
        | {"TRADE_GRPC_PORT": "0", "TRADE_ADMIN_PORT": str(admin), "PYTHONPATH": os.pathsep.join(sys.path)},
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
def test_each_role_asks_for_the_servers_it_works_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*roles: str) -> set[str]:
        results = Container(roles=frozenset(roles)).process().health.check()
        return {name for name, result in results.items() if not result.ok}

    assert away("api") == away("rpc") == set()
    assert away("worker") == away("api", "rpc", "worker") == {"kafka"}
    monkeypatch.setenv("TRADE_RPC_TARGET", f"127.0.0.1:{free_port()}")
    assert away("api") == {"rpc"}
    monkeypatch.setenv("TRADE_DATABASE_URL", "mysql+pymysql://root@127.0.0.1:9/none")
    assert away("rpc") == {"database"}


def test_without_promotion_no_order_is_placed_and_its_key_is_free_at_once(container: Container) -> None:
    service = container.service()
    course = service.create_course(
        types.CreateCourseRequest(caller=OPERATOR, title="Hexagons", price_cents=1000, on_sale=True)
    )
    request = types.PlaceOrderRequest(
        caller=ADA, idempotency_key="k", items=(types.OrderItem(course_id=course.id, quantity=1),)
    )
    for _ in range(2):
        begun = time.monotonic()
        with pytest.raises(Unavailable) as refused:
            service.place_order(request)
        assert time.monotonic() - begun < 3
        assert ERRORS.problem(refused.value).kind is Kind.UNAVAILABLE
    assert service.get_course(types.GetCourseRequest(caller=ADA, id=course.id)) == course
