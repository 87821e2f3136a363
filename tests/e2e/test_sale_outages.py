"""A flash sale continues while a server is emptied, down or restarted; afterwards the books agree, by themselves.

No role is restarted: each recovers. AETHER_OUTAGE_SECONDS is the length of Kafka's outage.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from aether_adapters.testing.plugin import found
from aether_adapters.testing.waiting import eventually
from redis import Redis

from tests.shop.buyers import Crowd
from tests.shop.ledger import Acknowledged, Ledger
from tests.shop.sale import Sale, open_claims, open_sale, pay, race, rush, seats_of, subjects
from tests.shop.story import settled
from tests.shop.system import DOMAINS, ROLES, RealServers, System, real_servers
from tests.support.shared import Shared

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]

OUTAGE_SECONDS = float(os.environ.get("AETHER_OUTAGE_SECONDS", "60"))
SEATS, BUYERS, QUOTA = 100, 300, 120
TEMPORARY = {429, 503}
DEADLINE_SECONDS = 20.0
"""The shop's deadline for a request: long enough for a busy machine, so that only a hang gets a 504."""
SQL_RATE, SQL_BURST = 50.0, 50
"""The limit of claims and orders for SQL while Redis is down: per second, and at once."""
SETTINGS = {
    **{f"{domain.upper()}_DEADLINE_SECONDS": str(DEADLINE_SECONDS) for domain in DOMAINS},
    "PROMOTION_SQL_RATE": str(SQL_RATE),
    "PROMOTION_SQL_BURST": str(SQL_BURST),
}


@dataclass(frozen=True, slots=True)
class Shop:
    system: System
    servers: RealServers

    def close_the_ledger(self, *crowds: Crowd) -> Ledger:
        """Wait until nothing is in progress; check that every role still runs and that the books hold all confirmations."""
        orders = {
            (one.subject, one.key): int(one.made["id"])
            for crowd in crowds
            for one in crowd.outcomes
            if one.made is not None and "id" in one.made
        }
        coupons = {
            int(one.made["couponId"]): one.subject
            for crowd in crowds
            for one in crowd.outcomes
            if one.made is not None and "couponId" in one.made
        }
        acknowledged = Acknowledged(placed=orders, claimed=coupons)
        ledger, discrepancies = settled(self.servers, self.system.provider, acknowledged, seconds=90)
        assert discrepancies == []
        assert all(self.system.alive(domain, role) for domain in DOMAINS for role in ROLES)
        return ledger

    def whole(self) -> bool:
        """Return whether every server accepts connections and every role is ready."""
        return self.servers.listen() and self.system.whole()

    def serves(self) -> bool:
        """Return whether every REST API is ready."""
        return all(self.system.ready(domain) for domain in DOMAINS)

    def wait_until_selling(self, sale: Sale) -> None:
        """Wait until a quarter of the seats are taken."""
        eventually(lambda: sum(seats_of(self.system, sale)) >= sale.seats // 4, "the sale is under way")


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared[Shop]]:
    @contextmanager
    def built() -> Iterator[Shop]:
        folder = tmp_path_factory.mktemp("outages")
        with ExitStack() as stack:
            servers = found(lambda: stack.enter_context(real_servers(folder)))
            system = stack.enter_context(System(servers, folder, SETTINGS))
            system.wait_until_ready()
            yield Shop(system, servers)

    with Shared(built, Shop.whole) as shops:
        yield shops


@pytest.fixture
def shop(shops: Shared[Shop], request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A whole shop, whatever happened in the test before."""
    with shops.lent(request) as shop:
        yield shop


def assert_answered_in_time(crowd: Crowd) -> None:
    """Check that no request hung: every answer is a confirmation, a final refusal, or one with Retry-After."""
    print(Counter(answer.status for answer in crowd.answers))
    assert {answer.status for answer in crowd.answers} <= {201, 409, *TEMPORARY}
    silent = [answer for answer in crowd.answers if answer.status in TEMPORARY and answer.retry_after is None]
    assert silent == []


def outcomes(crowd: Crowd) -> dict[str, int]:
    return dict(Counter(outcome.word for outcome in crowd.outcomes))


def sold_out(crowd: Crowd) -> None:
    assert outcomes(crowd) == {"granted": SEATS, "stock-gone": BUYERS - SEATS}


def claimed_up(crowd: Crowd, claimants: Sequence[str]) -> None:
    assert outcomes(crowd) == {"granted": QUOTA, "quota-exhausted": len(claimants) - QUOTA}


def test_redis_is_emptied_during_the_sale(shop: Shop) -> None:
    people, sale, claims = subjects(BUYERS), open_sale(shop.system, SEATS), open_claims(shop.system, QUOTA)
    with (
        rush(shop.system, sale.wanted, people, arrival=6) as buyers,
        rush(shop.system, claims, people, arrival=6) as claimants,
    ):
        shop.wait_until_selling(sale)
        with Redis.from_url(shop.servers.redis) as client:
            for _ in range(3):
                client.flushall()
                assert shop.serves()
                time.sleep(0.5)
        bought, claimed = buyers(), claimants()
    for crowd in (bought, claimed):
        assert_answered_in_time(crowd)
    sold_out(bought)
    claimed_up(claimed, people)
    pay(shop.system, bought.made[:20])
    shop.close_the_ledger(bought, claimed)
    assert seats_of(shop.system, sale) == (SEATS - 20, 20)


def test_redis_is_away_and_comes_back_empty(shop: Shop) -> None:
    """SQL decides sales and claims, at a limited rate; each process counts its own rate limits."""
    people, sale, claims = subjects(BUYERS), open_sale(shop.system, SEATS), open_claims(shop.system, QUOTA)
    with rush(shop.system, sale.wanted, people, arrival=6) as buyers:
        shop.wait_until_selling(sale)
        shop.servers.redis_server.stop()
        away = race(shop.system, claims, people[:QUOTA])
        assert shop.serves()
        assert outcomes(away) == {"granted": QUOTA}
        limited = 429 in {answer.status for answer in away.answers}
        # On a machine that is slower than the limit, no request is limited.
        assert limited or away.seconds > (QUOTA - SQL_BURST) / SQL_RATE, "the rate was not limited"
        shop.servers.redis_server.start()
        bought = buyers()
    late = race(shop.system, claims, people[QUOTA:])
    for crowd in (bought, away, late):
        assert_answered_in_time(crowd)
    sold_out(bought)
    assert outcomes(late) == {"quota-exhausted": BUYERS - QUOTA}
    shop.close_the_ledger(bought, away)


def test_kafka_is_away(shop: Shop) -> None:
    """Orders are placed and paid; their events wait in the outbox. No claim is confirmed."""
    people, sale, claims = subjects(BUYERS), open_sale(shop.system, SEATS), open_claims(shop.system, QUOTA)
    with rush(shop.system, sale.wanted, people, arrival=6) as buyers:
        shop.wait_until_selling(sale)
        shop.servers.broker.kill()
        until = time.monotonic() + OUTAGE_SECONDS
        bought = buyers()
    pay(shop.system, bought.made[:20])
    with rush(shop.system, claims, people[:10], patience=1) as claimants:
        refused = claimants()
    assert outcomes(refused).keys() <= {"unavailable", "claims-are-paused", "exhausted"}
    assert seats_of(shop.system, sale) == (SEATS, 0), "promotion knows of payments without their events"
    while time.monotonic() < until:
        assert shop.serves()
        time.sleep(1)
    shop.servers.broker.start()
    eventually(lambda: seats_of(shop.system, sale) == (SEATS - 20, 20), "promotion knows of the payments", 90)
    claimed = race(shop.system, claims, people[10:])
    for crowd in (bought, refused, claimed):
        assert_answered_in_time(crowd)
    sold_out(bought)
    # The ten claims were decided, and become coupons once the decisions are in the log.
    assert outcomes(claimed) == {"granted": QUOTA - 10, "quota-exhausted": BUYERS - QUOTA}
    ledger = shop.close_the_ledger(bought, claimed)
    template_id = int(claims.path.split("/")[-2])
    assert sum(coupon.template_id == template_id for coupon in ledger.coupons) == QUOTA


def test_mysql_is_restarted(shop: Shop) -> None:
    """Orders are refused with Retry-After; a request in progress has stored its order, or none."""
    people, sale = subjects(BUYERS), open_sale(shop.system, SEATS)
    with rush(shop.system, sale.wanted, people, arrival=8, patience=120) as buyers:
        shop.wait_until_selling(sale)
        shop.servers.mysql.kill()
        with shop.system.client("trade", people[0]) as client:
            answer = client.post("/v1/orders", json=sale.wanted.body, headers={"idempotency-key": "in-vain"})
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
        time.sleep(3)
        shop.servers.mysql.start()
        bought = buyers()
    assert_answered_in_time(bought)
    assert 503 in {answer.status for answer in bought.answers}
    eventually(shop.serves, "every edge is ready again")
    ledger = shop.close_the_ledger(bought)
    orders = {order.id for order in ledger.orders}
    held = [
        one for one in ledger.reservations if one.activity_id == sale.activity_id and one.status == "held"
    ]
    abandoned = [
        one for one in held if one.order_id not in orders
    ]  # the worker releases them after their expiry
    assert len(bought.made) + len(abandoned) == len(held) == SEATS
    assert outcomes(bought).keys() == {"granted", "stock-gone"}
