"""The course shop as started by `aether run`: three domains that call each other, and a payment provider."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from aether_adapters.auth.tokens import DevelopmentKeys, Issuer
from aether_tools.workspace import ISSUER

from tests.support.acme import Acme, Running

SHOP = Acme(Path(__file__).parents[2], "aether")


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with SHOP.running() as running:
        yield running


def token(subject: str, *roles: str) -> str:
    pair = DevelopmentKeys(SHOP.root / ".aether/keys").ensure()
    return Issuer(pair.private_key, ISSUER, SHOP.name, pair.kid).issue(subject, roles)


def made(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_an_order_is_paid_by_following_its_pay_url(shop: Running) -> None:
    with shop.client(token("1", "operator"), "trade") as boss:
        course = made(boss.post("/v1/courses", json={"title": "Sagas", "priceCents": "4900", "onSale": True}))
    with shop.client(token("77"), "trade") as buyer:
        order = made(
            buyer.post(
                "/v1/orders",
                json={"items": [{"courseId": course["id"], "quantity": 1}]},
                headers={"idempotency-key": "paid-by-url"},
            )
        )
        payment = buyer.put(f"/v1/orders/{order['id']}/payment").json()
        assert payment["payUrl"].startswith(
            shop.where["domains"]["trade"]["companions"]["trade-payment-provider"]
        )
        page = httpx.get(payment["payUrl"], timeout=20)
        assert (page.status_code, f"Order {order['id']}: 49.00" in page.text) == (200, True)
        assert httpx.post(payment["payUrl"], timeout=20).status_code == 202

        def status() -> str:
            return str(buyer.get(f"/v1/orders/{order['id']}").json()["status"])

        ends = time.monotonic() + 60
        while status() == order["status"] and time.monotonic() < ends:
            time.sleep(0.1)
        assert (order["status"], status()) == ("ORDER_STATUS_PENDING_PAYMENT", "ORDER_STATUS_PAID")


def test_a_person_registers_signs_in_and_is_known_to_the_other_domains(shop: Running) -> None:
    person = {"username": "ada", "mobile": "+4915112345678", "password": "correct horse battery staple"}
    with shop.client(None, "user") as user:
        assert user.post("/v1/users", json={**person, "displayName": "Ada 🚀"}).status_code == 201
        signed_in = user.post("/v1/sessions", json={"login": "ada", "password": person["password"]})
        assert signed_in.status_code in (200, 201), signed_in.text
        wrong = user.post("/v1/sessions", json={"login": "ada", "password": "not this one"})
        nobody = user.post("/v1/sessions", json={"login": "eve", "password": "not this one"})
        assert (wrong.status_code, wrong.content) == (nobody.status_code, nobody.content)
    access = signed_in.json()["accessToken"]
    with shop.client(access, "user") as me, shop.client(access, "trade") as trade:
        assert me.get("/v1/me").json()["displayName"] == "Ada 🚀"
        assert trade.get("/v1/orders").json()["orders"] == []
