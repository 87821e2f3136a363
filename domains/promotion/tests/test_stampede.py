"""A rush on a real Redis that is killed during it, a broker, and SQL: no confirmation is lost, nothing is sold twice."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread
from uuid import uuid4

import pytest
from aether_adapters import redis, sql
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis
from aether_adapters.embedded.children import free_port
from aether_adapters.kafka import BatchingProducer, Consumer, Producer
from aether_adapters.kernel.clock import SystemClock
from aether_adapters.kernel.errors import Exhausted, Unavailable
from aether_adapters.service.outbox_relay import Relay
from aether_adapters.service.periodic import Periodic
from aether_adapters.testing.memory import MemoryIds
from aether_adapters.testing.waiting import eventually
from sqlalchemy import Engine

from aether.common.v1.types import Caller
from aether.promotion.v1 import types
from aether_promotion.__main__ import migrations
from aether_promotion.adapters.allowance import LocalAllowance
from aether_promotion.adapters.claim_counter import RedisClaimCounter
from aether_promotion.adapters.consumer import claim_handlers
from aether_promotion.adapters.events import TOPIC
from aether_promotion.adapters.kafka import KafkaClaimLog
from aether_promotion.adapters.sql import OUTBOX, unit_of_work
from aether_promotion.adapters.stock_counter import RedisStockCounter
from aether_promotion.application.claim_coupon import ClaimCoupon
from aether_promotion.application.keep_claim_authorities import KeepClaimAuthorities
from aether_promotion.application.keep_stock import KeepStock
from aether_promotion.application.persist_claim import PersistClaims, SettleClaims
from aether_promotion.application.ports import Fate, Transactions, UnitOfWork
from aether_promotion.application.published_terms import PublishedTerms
from aether_promotion.application.reconcile_orders import ReconcileOrders
from aether_promotion.application.reserve import Reserve
from aether_promotion.application.settle_order import Confirm, RedeemCoupons, Release, ReleaseCoupons
from aether_promotion.container import ERRORS
from aether_promotion.domain.activity import Activity, Reservation
from aether_promotion.domain.claim_authority import ClaimAuthority, Decides
from aether_promotion.domain.errors import Conflict, NotNow
from aether_promotion.domain.template import Template
from aether_promotion.domain.values import AmountOff, CouponTerms, Terms, Title

from .memory import MemoryOrders

pytestmark = pytest.mark.prove

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@dataclass
class Servers:
    """The servers that can fail."""

    redis: EmbeddedRedis
    engine: Engine
    bootstrap: str

    @property
    def transactions(self) -> Transactions:
        return sql.Transactions(self.engine, unit_of_work)

    def lose_redis(self, folder: Path, seconds: float) -> None:
        """Kill Redis, and restart it without its data."""
        self.redis.stop()
        time.sleep(seconds)
        port = int(self.redis.url.rpartition(":")[2].partition("/")[0])
        self.redis = EmbeddedRedis(folder / uuid4().hex, port=port).start()


@pytest.fixture(params=["sqlite", "mariadb"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    url = f"sqlite:///{tmp_path}/test.db"
    if request.param == "mariadb":
        url = request.getfixturevalue("mysql_url")
    sql.migrate(url, migrations())
    engine = sql.connect(url, pool=32)
    with EmbeddedKafka({TOPIC: 4}) as kafka:
        first = EmbeddedRedis(tmp_path / "redis", port=free_port()).start()
        servers = Servers(first, engine, kafka.bootstrap)
        yield servers
        servers.redis.stop()
    engine.dispose()


@contextmanager
def running(*roles: Callable[[Event], None]) -> Iterator[None]:
    stop = Event()
    threads = [Thread(target=role, args=(stop,)) for role in roles]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


def template_of(quota: int, number: int) -> Template:
    coupon = CouponTerms(
        title=Title("Ten off"),
        benefit=AmountOff(amount_cents=1000),
        threshold_cents=0,
        valid_from=NOW - HOUR,
        valid_until=NOW + HOUR,
    )
    terms = Terms(coupon=coupon, quota=quota, limit_per_user=2, claims_from=NOW - HOUR)
    return Template(id=number, terms=terms, created_at=NOW)


@pytest.mark.suite("stampede of claims")
def test_no_confirmed_claim_is_lost_and_the_quota_is_met_when_redis_dies_in_the_middle(
    servers: Servers, tmp_path: Path
) -> None:
    quota, users = 150, 120
    transactions, clock = servers.transactions, SystemClock()
    counter = RedisClaimCounter(redis.connect(servers.redis.url, pool=32, connect_seconds=0.5))
    log = KafkaClaimLog(BatchingProducer(Producer(servers.bootstrap)))
    claim = ClaimCoupon(
        transactions=transactions,
        terms=PublishedTerms(transactions=transactions),
        counter=counter,
        log=log,
        allowance=LocalAllowance(rate=200, burst=50),
        clock=clock,
        ids=MemoryIds(),
    )
    template = template_of(quota, 10**15)
    published = template.stored().publish(version=1)

    def offer(unit: UnitOfWork) -> None:
        unit.templates.add(replace(published, version=0))
        unit.authorities.add(ClaimAuthority(template_id=template.id, quota=quota, since=NOW))

    transactions.run(offer)
    keep = KeepClaimAuthorities(transactions=transactions, counter=counter, log=log, clock=clock)
    consumer = Consumer(
        servers.bootstrap,
        f"claims-{uuid4()}",
        [TOPIC],
        claim_handlers(
            PersistClaims(transactions=transactions, counter=counter),
            SettleClaims(transactions=transactions, clock=clock),
        ),
    )
    relay = Relay(
        sql.OutboxReader(servers.engine, OUTBOX),
        Producer(servers.bootstrap),
        sql.Lease(servers.engine, "relay", "tests"),
    )
    granted: dict[tuple[str, str], int] = {}

    def stampede(user: int) -> None:
        """Claim two coupons, retrying until there is an answer; then repeat each claim."""
        for key in ("k1", "k2", "k1"):
            ends = time.monotonic() + 60
            while time.monotonic() < ends:
                request = types.ClaimCouponRequest(
                    caller=Caller(subject=f"u{user}", session=""),
                    template_id=template.id,
                    idempotency_key=key,
                )
                try:
                    coupon_id = claim(request).coupon_id
                except (NotNow, Unavailable, Exhausted):
                    time.sleep(Random(user).uniform(0.05, 0.3))
                    continue
                except Conflict:
                    break
                assert granted.setdefault((f"u{user}", key), coupon_id) == coupon_id
                break

    with running(consumer.run, relay.run, Periodic("keep claim authorities", keep, 0.2, ERRORS).run):
        eventually(lambda: counter.generation(template.id) == 1)
        with ThreadPoolExecutor(24) as pool:
            work = [pool.submit(stampede, user) for user in range(users)]
            eventually(lambda: len(granted) >= quota // 4)
            servers.lose_redis(tmp_path, 1.0)
            for each in work:
                each.result()

        def at_rest() -> bool:
            authority = transactions.read(lambda unit: unit.authorities.get(template.id))
            return authority.claimed == quota and authority.decides is Decides.REDIS

        eventually(at_rest)
    kept = transactions.read(lambda unit: unit.coupons.claims(template.id, after=0, limit=1000))
    assert set(granted.values()) <= {coupon.id for coupon in kept}, "a confirmed claim was lost"
    assert len(kept) == quota
    owners = [coupon.owner for coupon in kept]
    assert max(owners.count(owner) for owner in owners) <= 2
    assert transactions.read(lambda unit: unit.authorities.get(template.id)).generation >= 2, (
        "Redis was never lost"
    )


@pytest.mark.suite("stampede of orders")
def test_no_seat_is_sold_twice_and_none_is_lost_when_redis_dies_in_the_middle(
    servers: Servers, tmp_path: Path
) -> None:
    seats, orders = 60, 300
    transactions, clock = servers.transactions, SystemClock()
    counter = RedisStockCounter(redis.connect(servers.redis.url, pool=32, connect_seconds=0.5))
    confirm = Confirm(transactions=transactions, counter=counter)
    release = Release(transactions=transactions, counter=counter, clock=clock)
    reserve = Reserve(
        transactions=transactions,
        counter=counter,
        allowance=LocalAllowance(rate=200, burst=50),
        clock=clock,
    )
    trade = MemoryOrders()
    reconcile_orders = ReconcileOrders(
        transactions=transactions,
        orders=trade,
        confirm=confirm,
        release=release,
        redeem=RedeemCoupons(transactions=transactions, clock=clock),
        release_coupons=ReleaseCoupons(transactions=transactions),
        clock=clock,
    )
    keep = KeepStock(transactions=transactions, counter=counter, clock=clock)
    planned = Activity.plan(
        10**15,
        title=Title("A sale"),
        course_id=1,
        price_cents=100,
        starts_at=NOW - HOUR,
        ends_at=NOW + HOUR,
        quantity=seats,
    )
    activity = transactions.run(lambda unit: unit.activities.add(planned))
    numbers = count(10**15)

    def buy(buyer: int) -> None:
        """Reserve twice; then one buyer in three pays, one cancels, and one abandons the order."""
        order_id = next(numbers)
        trade.fates[order_id] = (Fate.PAID, Fate.GONE, Fate.GONE)[buyer % 3]
        request = types.ReserveRequest(
            order_id=order_id,
            buyer=f"u{buyer}",
            activity_id=activity.id,
            quantity=1 + buyer % 2,
            expires_at=datetime.now(UTC) + timedelta(seconds=2),
        )
        for _ in range(20):
            try:
                assert reserve(request) == reserve(request)
            except (Unavailable, Exhausted):
                time.sleep(0.1)
                continue
            except Conflict:
                time.sleep(0.02)
                return
            break
        if buyer % 3 == 0:
            confirm(types.ConfirmRequest(order_id=order_id))
        elif buyer % 3 == 1:
            release(types.ReleaseRequest(order_id=order_id))

    with running(
        Periodic("keep stock", keep, 0.3, ERRORS).run,
        Periodic("reconcile orders", reconcile_orders, 0.3, ERRORS).run,
    ):
        with ThreadPoolExecutor(24) as pool:
            work = [pool.submit(buy, buyer) for buyer in range(orders)]
            time.sleep(0.3)
            servers.lose_redis(tmp_path, 0.5)
            for each in work:
                each.result()

        def at_rest() -> bool:
            found = transactions.read(lambda unit: unit.activities.get(activity.id))
            return found.held == 0 and counter.left(activity.id) == found.left

        eventually(at_rest)
    found = transactions.read(lambda unit: unit.activities.get(activity.id))

    def all_reserved(unit: UnitOfWork) -> list[Reservation]:
        every = range(10**15, 10**15 + orders)
        return [one for order_id in every for one in unit.reservations.of_order(order_id)]

    reserved = transactions.run(all_reserved)
    sold = sum(one.quantity for one in reserved if one.status.value == "confirmed")
    assert sold == found.sold <= seats
    assert {one.status.value for one in reserved} <= {"confirmed", "released"}
    assert sold > 0
