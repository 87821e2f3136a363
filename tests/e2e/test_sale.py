"""Flash sales, from the opening to the check of the books: every seat sold once, every cent accounted for."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from aether_adapters.kernel.recent_refusals import RENEWAL_SECONDS
from aether_adapters.testing.plugin import found
from aether_adapters.testing.waiting import eventually

from tests.shop.ledger import Acknowledged
from tests.shop.sale import OPERATOR, Order, cancel, open_sale, pay, race, subjects
from tests.shop.story import play, settled
from tests.shop.system import Servers, System, embedded_servers, real_servers
from tests.support.shared import Shared

Start = Callable[[Path], AbstractContextManager[Servers]]
SEATS, BUYERS = 100, 1000


@dataclass(frozen=True, slots=True)
class Shop:
    system: System
    servers: Servers


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared[Shop]]:
    @contextmanager
    def built() -> Iterator[Shop]:
        folder = tmp_path_factory.mktemp("shop")
        with embedded_servers(folder) as servers, System(servers, folder, gateway=False) as system:
            system.wait_until_ready()
            yield Shop(system, servers)

    with Shared(built, lambda shop: shop.system.whole()) as shops:
        yield shops


@pytest.fixture
def shop(shops: Shared[Shop], request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A shop on embedded servers, with each domain in one process."""
    with shops.lent(request) as shop:
        yield shop


def test_each_seat_has_one_buyer_and_the_books_agree(shop: Shop) -> None:
    story = play(shop.system, shop.servers, 20, 100, lambda _: nullcontext())
    assert story.wrong() == []
    assert story.outcomes == {"granted": 20, "stock-gone": 80}
    assert (story.paid, story.cancelled, story.ordered_again) == (14, 2, 2)
    assert (story.seats_sold, story.seats_held) == (14, 6)


def test_a_repeated_order_gets_the_same_answer(shop: Shop) -> None:
    sale = open_sale(shop.system, 2)
    (first,) = race(shop.system, sale.wanted, subjects(1)).outcomes
    assert first.made is not None
    assert first.made["payableCents"] == str(sale.price_cents)
    with shop.system.client("trade", first.subject) as client:
        key = {"idempotency-key": first.key}
        again = client.post("/v1/orders", json={"items": [sale.item]}, headers=key)
        other = client.post("/v1/orders", json={"items": [{**sale.item, "quantity": 2}]}, headers=key)
    assert (again.status_code, again.json()) == (201, first.made)
    assert other.status_code == 409


def test_a_payment_earns_points_once_and_a_refund_takes_its_points_back(shop: Shop) -> None:
    """From the provider to trade, and through Kafka to user; each notice and each event may arrive twice."""
    ada = {"username": "ada", "mobile": "+4915112345678", "password": "correct horse", "displayName": "Ada"}
    sale = open_sale(shop.system, 2, price_cents=1990)
    with shop.system.client("user") as client:
        buyer = client.post("/v1/users", json=ada).json()["id"]

    def points() -> int:
        with shop.system.client("user", buyer) as me:
            return int(me.get("/v1/me/points").json()["balance"])

    def refund(order: Order, **what: object) -> Order:
        version = {"if-match": f'"{order["version"]}"'}
        with shop.system.client("trade", OPERATOR, "operator") as operator:
            answer = operator.post(f"/v1/orders/{order['id']}/refunds", json=what, headers=version)
        answer.raise_for_status()
        return dict(answer.json())

    with shop.system.client("trade", buyer) as trade:
        basket = {"items": [{**sale.item, "quantity": 2}]}
        placed = trade.post("/v1/orders", json=basket, headers={"idempotency-key": "hers"}).json()
        assert points() == 0
        pay(shop.system, [placed], {"times": 3, "outOfOrder": True})
        eventually(lambda: points() == 39, "39.80 is 39 points")
        paid = trade.get(f"/v1/orders/{placed['id']}").json()
    left = refund(paid, items=[{"line": 1, "quantity": 1}])
    eventually(lambda: points() == 19, "19.90 is left")
    assert refund(left)["status"] == "ORDER_STATUS_REFUNDED"
    eventually(lambda: points() == 0, "nothing is left")

    ledger, discrepancies = settled(shop.servers, shop.system.provider, Acknowledged())
    assert discrepancies == []
    totals = [
        (one.paid_cents, one.refunded_cents, one.points) for one in ledger.points if str(one.user_id) == buyer
    ]
    assert totals == [(3980, 3980, 0)]


@pytest.mark.prove
@pytest.mark.timeout(400)
@pytest.mark.parametrize("start", [embedded_servers, real_servers], ids=["embedded", "real"])
def test_a_thousand_buyers_share_a_hundred_seats(start: Start, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = found(lambda: stack.enter_context(start(tmp_path)))
        shop = stack.enter_context(System(servers, tmp_path))
        shop.wait_until_ready()
        story = play(shop, servers, SEATS, BUYERS, lambda _: nullcontext())
    print(story)
    assert story.wrong() == []
    assert story.outcomes == {"granted": SEATS, "stock-gone": BUYERS - SEATS}
    assert story.most_open >= 200
    assert (story.paid, story.cancelled, story.ordered_again) == (70, 10, 10)
    assert (story.seats_sold, story.seats_held) == (70, 30)


@pytest.mark.prove
def test_a_crowd_at_a_sold_out_sale_is_refused_by_trade_alone_until_a_seat_is_released(shop: Shop) -> None:
    """docs/adr/0014: of four buyers who ask without pause, about one request in a second reaches promotion."""
    sale, people = open_sale(shop.system, 1), subjects(5)
    basket, key = {"items": [sale.item]}, {"idempotency-key": "hers"}
    answers: list[tuple[str, int, bytes]] = []
    with shop.system.client("trade", people[0]) as ada:
        order = ada.post("/v1/orders", json=basket, headers=key)
        assert order.status_code == 201

        stop = threading.Event()

        def insist(subject: str) -> None:
            with shop.system.client("trade", subject) as buyer:
                while not stop.is_set():
                    headers = {"idempotency-key": uuid4().hex}
                    answer = buyer.post("/v1/orders", json=basket, headers=headers)
                    answers.append((subject, answer.status_code, answer.content))
                    time.sleep(0.02)  # below the limit of a user, with the burst

        before, began = prices_asked(shop.system), time.monotonic()
        with ThreadPoolExecutor(len(people)) as pool:
            crowd = [pool.submit(insist, subject) for subject in people[1:]]
            try:
                eventually(lambda: len(answers) >= 400, "400 answers", 120)
                asked, seconds = prices_asked(shop.system) - before, time.monotonic() - began
                again = ada.post("/v1/orders", json=basket, headers=key)
                cancel(shop.system, [order.json()])
                eventually(
                    lambda: {201} <= {status for _, status, _ in answers}, "the seat is sold again", 30
                )
            finally:
                stop.set()
        for each in crowd:
            each.result()
    assert (again.status_code, again.json()) == (201, order.json())
    assert before >= 1
    # If a slow answer outlasts the memory, all four ask at once.
    assert asked <= len(crowd) * (seconds / RENEWAL_SECONDS + 2)
    assert len({body for _, status, body in answers if status == 409}) == 1
    assert Counter(status for _, status, _ in answers if status not in {409, 429}) == {201: 1}
    assert settled(shop.servers, shop.system.provider, Acknowledged())[1] == []


def prices_asked(system: System) -> int:
    """Return how many calls of Quote promotion has answered."""
    with system.client("promotion") as promotion:
        metrics = promotion.get("/metrics").text
    values = re.findall(r'^grpc_server_handled_total\{[^}]*grpc_method="Quote"[^}]*\} (\S+)$', metrics, re.M)
    return sum(int(float(value)) for value in values)
