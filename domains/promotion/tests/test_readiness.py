"""A server that is away: the service says so, does without it where it can, and recovers by itself."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from aether_adapters import sql
from aether_adapters.embedded import EmbeddedRedis
from aether_adapters.embedded.children import free_port

from aether.promotion.v1 import types
from aether_promotion.__main__ import migrations
from aether_promotion.application.ports import Taken
from aether_promotion.container import Container

from .conftest import ADA, OPERATOR

PORT = free_port()
"""Where Redis is, when it is there."""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of its own, and no other server."""
    database = f"sqlite:///{tmp_path}/test.db"
    sql.migrate(database, migrations())
    monkeypatch.setenv("PROMOTION_DATABASE_URL", database)
    monkeypatch.setenv("PROMOTION_REDIS_URL", f"redis://127.0.0.1:{PORT}/0")
    monkeypatch.setenv("PROMOTION_SERVICE_KEY", str(tmp_path / "private.pem"))
    monkeypatch.setenv("PROMOTION_KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")


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
        [sys.executable, "-m", "aether_promotion", "rpc"],
        env=os.environ
        | {
            "PROMOTION_GRPC_PORT": "0",
            "PROMOTION_ADMIN_PORT": str(admin),
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
    monkeypatch.setenv("PROMOTION_RPC_TARGET", f"127.0.0.1:{free_port()}")
    assert away("api") == {"rpc"}
    monkeypatch.setenv("PROMOTION_DATABASE_URL", "mysql+pymysql://root@127.0.0.1:9/none")
    assert away("rpc") == {"database"}


def test_without_redis_coupons_are_claimed_and_seats_reserved_and_redis_learns_of_it(
    container: Container, tmp_path: Path
) -> None:
    service, now = container.service(), datetime.now(UTC)
    off = types.AmountOff(amount_cents=1000)
    terms = types.Terms(
        title="Ten off",
        benefit=types.Benefit(kind=off),
        threshold_cents=0,
        quota=2,
        limit_per_user=1,
        claims_from=now,
        valid_from=now,
        valid_until=now + timedelta(days=1),
    )
    draft = service.create_template(types.CreateTemplateRequest(caller=OPERATOR, terms=terms))
    service.publish_template(types.PublishTemplateRequest(caller=OPERATOR, id=draft.id, version=1))
    planning = types.CreateActivityRequest(
        caller=OPERATOR,
        title="A sale",
        course_id=3,
        price_cents=500,
        starts_at=now,
        ends_at=now + timedelta(days=1),
        quantity=2,
    )
    activity = service.create_activity(planning)
    claim = types.ClaimCouponRequest(caller=ADA, template_id=draft.id, idempotency_key="k1")
    reserve = types.ReserveRequest(
        order_id=9, buyer="ada", activity_id=activity.id, quantity=2, expires_at=now + timedelta(hours=1)
    )
    begun = time.monotonic()
    coupon, reservation = service.claim_coupon(claim), service.reserve(reserve)
    assert time.monotonic() - begun < 2
    with EmbeddedRedis(tmp_path / "redis", port=PORT):
        assert service.claim_coupon(claim) == coupon
        assert service.reserve(reserve) == reservation
        assert container.stock_counter().take(activity.id, 10, 1) is Taken.GONE
