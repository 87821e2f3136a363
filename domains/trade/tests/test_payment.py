"""The payment provider over HTTP: the promises of every provider, and how the simulated one misbehaves on request."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

import httpx
import pytest
from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.auth.key_sets import KeySet
from aether_adapters.auth.tokens import Verifier
from aether_adapters.auth.webhook_signatures import sign
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.neighbour import Neighbour
from aether_adapters.observability.health import Health
from aether_adapters.observability.neighbours import watched
from aether_adapters.rest import Offload, build_app, serve

from aether.trade.v1 import threads, types
from aether_openapi import trade as rest
from aether_trade.adapters.payment import HttpPayments
from aether_trade.adapters.simulated_provider import (
    DEVELOPMENT_SECRET,
    Provider,
    ProviderServer,
    ProviderSettings,
)
from aether_trade.application.ports import Payments
from aether_trade.container import ERRORS
from aether_trade.domain.errors import SignatureForged
from aether_trade.domain.notice import Notice
from aether_trade.domain.refund import Refund

from .conftest import ADA, World, item
from .memory_services import MemoryPayments

SECRET = MemoryPayments.SECRET
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def guard() -> Neighbour:
    return watched("payment", places=4, slow_seconds=1.0)


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    server = ProviderServer(Provider(SECRET), SECRET, 0)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.provider.stop()
    server.server_close()


def payments_of(
    server: ProviderServer, notify_url: str = "http://127.0.0.1:1/v1/payment-notices"
) -> HttpPayments:
    return HttpPayments(server.url, [SECRET], notify_url=notify_url, connections=4, neighbour=guard())


@pytest.fixture(params=["memory", "http"])
def payments(request: pytest.FixtureRequest) -> Payments:
    return MemoryPayments() if request.param == "memory" else payments_of(request.getfixturevalue("provider"))


def owed(cents: int, refund_id: int = 2**53 + 1) -> Refund:
    return Refund(id=refund_id, order_id=7, payment_id="pay_7", cents=cents, owed_since=NOON)


@pytest.mark.suite("payments")
def test_an_order_has_one_payment_however_often_it_is_opened(payments: Payments) -> None:
    opened = payments.open(7, 5800)
    assert payments.open(7, 5800) == opened
    assert payments.open(8, 5800).payment_id != opened.payment_id
    assert opened.payment_id in opened.url


@pytest.mark.suite("payments")
def test_a_notice_is_read_only_if_its_signature_is_valid(payments: Payments) -> None:
    payload = b'{"type":"payment.succeeded","paymentId":"pay_7","orderId":"7","amountCents":"5800"}'
    assert payments.read(payload, sign(SECRET, payload)) == Notice(
        succeeded=True, payment_id="pay_7", order_id=7, amount_cents=5800
    )
    with pytest.raises(SignatureForged):
        payments.read(payload + b" ", sign(SECRET, payload))


def test_each_refund_is_paid_once_and_never_more_than_was_received(provider: ProviderServer) -> None:
    payments = payments_of(provider)
    opened = payments.open(7, 1000)
    assert not payments.refund(owed(1000))
    assert httpx.post(opened.url).status_code == 202
    assert [payments.refund(owed(600)) for _ in range(3)] == [True] * 3
    assert not payments.refund(owed(401, refund_id=2))
    assert payments.refund(owed(400, refund_id=3))
    assert [each["amount_cents"] for each in httpx.get(f"{provider.url}/books").json()["refunds"]] == [
        600,
        400,
    ]


def test_the_provider_accepts_only_requests_signed_by_the_shop(provider: ProviderServer) -> None:
    stranger = HttpPayments(provider.url, ["another"], notify_url="", connections=1, neighbour=guard())
    with pytest.raises(Unavailable):
        stranger.open(7, 1)
    assert not stranger.refund(owed(1))


def test_an_outage_of_the_provider_is_distinguished_from_a_bad_order() -> None:
    nowhere = HttpPayments("http://127.0.0.1:1", [SECRET], notify_url="", connections=1, neighbour=guard())
    with pytest.raises(Unavailable):
        nowhere.open(7, 1)
    assert not nowhere.refund(owed(1))


@dataclass(frozen=True)
class Shop:
    """The service behind its REST API, and a provider that notifies it of payments."""

    world: World
    provider: ProviderServer
    payments: HttpPayments

    def pay(self, order: types.Order, **wish: object) -> None:
        opened = self.payments.open(order.id, order.payable_cents)
        assert httpx.post(opened.url, json=wish).status_code == 202

    def answers(self) -> list[tuple[str, int]]:
        (payment,) = httpx.get(f"{self.provider.url}/books").json()["payments"]
        return [tuple(answer) for answer in payment["answers"]]

    def order(self) -> types.Order:
        return self.world.place(item(self.world.course()))


@pytest.fixture
def shop(world: World, provider: ProviderServer, tmp_path: Path) -> Iterator[Shop]:
    verify = Verifier(KeySet.from_file(DevelopmentKeys(tmp_path).ensure().jwks), "tests", "aether")
    service = threads.in_threads(world.service, Offload(threads=4, queue=8))
    app = build_app(rest.CONTRACT, rest.operations(service), errors=ERRORS, verify=verify, health=Health({}))
    stop, started = Event(), SimpleQueue[int]()
    thread = Thread(target=serve, args=(app, "127.0.0.1", 0, stop), kwargs={"started": started.put})
    thread.start()
    url = f"http://127.0.0.1:{started.get(timeout=10)}/v1/payment-notices"
    yield Shop(world, provider, payments_of(provider, url))
    stop.set()
    thread.join()


def wait_for(answers: Callable[[], list[tuple[str, int]]], count: int) -> list[tuple[str, int]]:
    give_up = time.monotonic() + 60
    while len(found := answers()) < count and time.monotonic() < give_up:
        time.sleep(0.01)
    return found


def test_a_payment_counts_once_when_its_notices_come_twice_and_out_of_order(shop: Shop) -> None:
    order = shop.order()
    shop.pay(order, times=2, outOfOrder=True)
    answers = wait_for(shop.answers, 4)
    assert answers == [("payment.succeeded", 200), ("payment.opened", 200)] * 2
    assert shop.world.get(order.id).status is types.OrderStatus.PAID
    assert shop.world.transactions.refunds == ()


def test_a_late_payment_of_a_closed_order_is_refunded(shop: Shop) -> None:
    order = shop.order()
    shop.pay(order, delaySeconds=0.05)
    cancel = types.CancelOrderRequest(caller=ADA, id=order.id, version=1)
    shop.world.service.cancel_order(cancel)
    wait_for(shop.answers, 2)
    assert [refund.cents for refund in shop.world.transactions.refunds] == [order.payable_cents]
    assert shop.payments.refund(shop.world.transactions.refunds[0])


def test_a_forged_notice_is_forbidden_and_a_wrong_amount_is_invalid(shop: Shop) -> None:
    order = shop.order()
    shop.pay(order, forged=True, amountCents="1")
    answers = wait_for(shop.answers, 3)
    assert sorted(answers) == [("forged", 403), ("payment.opened", 200), ("payment.succeeded", 422)]
    assert shop.world.get(order.id).status is types.OrderStatus.PENDING_PAYMENT


@pytest.mark.parametrize(
    ("given", "secret"),
    [('["new secret", "old secret"]', "new secret"), ("", DEVELOPMENT_SECRET), (None, DEVELOPMENT_SECRET)],
)
def test_the_simulated_provider_signs_with_trades_first_secret(
    monkeypatch: pytest.MonkeyPatch, given: str | None, secret: str
) -> None:
    monkeypatch.delenv("TRADE_PAYMENT_SECRETS", raising=False)
    if given is not None:
        monkeypatch.setenv("TRADE_PAYMENT_SECRETS", given)
    assert ProviderSettings().payment_secrets[0] == secret
