"""The consumers of the worker role, on a broker: claims from their log, and trade's events of orders."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest
from aether_adapters import sql
from aether_adapters.embedded import EmbeddedRedis
from aether_adapters.embedded.children import free_port
from aether_adapters.kafka import BatchingProducer, Producer
from aether_adapters.kernel.events import OutgoingEvent
from aether_adapters.testing.waiting import eventually

from aether.promotion.v1 import types
from aether.trade.v1 import events as trade
from aether_promotion.__main__ import migrations
from aether_promotion.container import Container
from aether_promotion.domain.claim_authority import Decides
from aether_promotion.domain.errors import ClaimsArePaused
from aether_promotion.domain.events import ClaimDecided

from .conftest import ADA, OPERATOR

NOW = datetime.now(UTC)
DAY = timedelta(days=1)

pytestmark = pytest.mark.suite("consumers")


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.prove)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """A broker of each implementation."""
    fixture = {"embedded": "embedded_kafka_bootstrap", "kafka": "kafka_bootstrap"}[request.param]
    return str(request.getfixturevalue(fixture))


@pytest.fixture
def container(bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    """The service with its own database and Redis; trade is down."""
    database = f"sqlite:///{tmp_path}/test.db"
    sql.migrate(database, migrations())
    with EmbeddedRedis(tmp_path / "redis") as redis:
        for name, value in {
            "DATABASE_URL": database,
            "REDIS_URL": redis.url,
            "KAFKA_BOOTSTRAP": bootstrap,
            "SERVICE_KEY": str(tmp_path / "private.pem"),
            "TRADE_TARGET": f"127.0.0.1:{free_port()}",
            "DESK_SECONDS": "0.1",
        }.items():
            monkeypatch.setenv(f"PROMOTION_{name}", value)
        container = Container(roles=frozenset({"worker"}))
        container.backing().worker_number.start()
        yield container
        container.backing().worker_number.stop()
        container.backing().database.dispose()


@contextmanager
def working(container: Container) -> Iterator[None]:
    """Run everything of the worker role."""
    stop = Event()
    parts = container.process().parts.values()
    threads = [Thread(target=part.run, args=(stop,)) for part in parts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def a_template(container: Container) -> int:
    """Publish a template. Return its id."""
    service = container.service()
    off = types.AmountOff(amount_cents=1000)
    terms = types.Terms(
        title="Ten off",
        benefit=types.Benefit(kind=off),
        threshold_cents=0,
        quota=5,
        limit_per_user=2,
        claims_from=NOW,
        valid_from=NOW,
        valid_until=NOW + DAY,
    )
    draft = service.create_template(types.CreateTemplateRequest(caller=OPERATOR, terms=terms))
    service.publish_template(types.PublishTemplateRequest(caller=OPERATOR, id=draft.id, version=1))
    return draft.id


def claim(container: Container, template_id: int, key: str) -> int:
    """Claim a coupon, retrying while claims move from the database to Redis. Return its id."""
    request = types.ClaimCouponRequest(caller=ADA, template_id=template_id, idempotency_key=key)
    ends = monotonic() + 60
    while True:
        try:
            return container.service().claim_coupon(request).coupon_id
        except ClaimsArePaused:
            assert monotonic() < ends, "claims stay paused"
            sleep(0.05)


def coupons(container: Container) -> dict[int, types.CouponStatus]:
    request = types.ListCouponsRequest(caller=ADA, page_size=100, page_token="")
    return {coupon.id: coupon.status for coupon in container.service().list_coupons(request).coupons}


def publish(container: Container, *events: trade.OrderPaid | trade.OrderClosed) -> None:
    """Publish trade's events of orders, in this sequence for each."""
    producer = BatchingProducer(Producer(container.settings().kafka_bootstrap))
    for event in events:
        producer.send(
            OutgoingEvent(
                type=event.TYPE,
                topic=trade.TOPIC,
                key=str(event.order_id),
                payload=trade.to_bytes(event),
                source="aether-trade",
                occurred_at=NOW,
            )
        )


def test_a_claim_decided_by_redis_is_persisted_from_the_log_as_one_coupon(container: Container) -> None:
    template_id = a_template(container)
    transactions = container.transactions()

    def desk_is_redis() -> bool:
        return transactions.read(lambda unit: unit.authorities.get(template_id)).decides is Decides.REDIS

    with working(container):
        eventually(desk_is_redis)
        first = claim(container, template_id, "k1")
        eventually(lambda: coupons(container) == {first: types.CouponStatus.UNUSED})
        again = ClaimDecided(
            coupon_id=first,
            template_id=template_id,
            generation=transactions.read(lambda unit: unit.authorities.get(template_id)).generation,
            owner="ada",
            idempotency_key="k1",
            occurred_at=NOW,
        )
        container.claim_log().append(again)
        second = claim(
            container, template_id, "k2"
        )  # behind the first one, because the claims of a template are in order
        eventually(lambda: second in coupons(container))
    assert coupons(container) == dict.fromkeys((first, second), types.CouponStatus.UNUSED)
    assert transactions.read(lambda unit: unit.authorities.get(template_id)).claimed == 2


def test_trades_events_settle_seats_and_coupons_of_orders_once(container: Container) -> None:
    service, template_id = container.service(), a_template(container)
    planned = types.CreateActivityRequest(
        caller=OPERATOR,
        title="A sale",
        course_id=3,
        price_cents=500,
        starts_at=NOW,
        ends_at=NOW + DAY,
        quantity=5,
    )
    activity_id = service.create_activity(planned).id
    paid, closed = (container.ids().next() for _ in range(2))
    bought = [claim(container, template_id, key) for key in ("k1", "k2")]
    for order_id, coupon in zip((paid, closed), bought, strict=True):
        service.reserve(
            types.ReserveRequest(
                order_id=order_id, buyer="ada", activity_id=activity_id, quantity=1, expires_at=NOW + DAY
            )
        )
        service.lock_coupons(
            types.LockCouponsRequest(
                order_id=order_id, buyer="ada", coupon_ids=(coupon,), expires_at=NOW + DAY
            )
        )

    def seats() -> tuple[int, int]:
        shown = service.get_activity(types.GetActivityRequest(caller=ADA, id=activity_id))
        return shown.held, shown.sold

    assert seats() == (2, 0)
    events = (
        trade.OrderPaid(order_id=paid, buyer="ada", paid_cents=500, payment_id="p", occurred_at=NOW),
        trade.OrderClosed(order_id=closed, buyer="ada", reason="overdue", occurred_at=NOW),
    )
    publish(container, *events, *events)
    with working(container):
        used, free = bought
        settled = {used: types.CouponStatus.USED, free: types.CouponStatus.UNUSED}
        eventually(lambda: seats() == (0, 1) and coupons(container) == settled)
