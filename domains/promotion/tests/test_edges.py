"""REST and gRPC in this process, on free ports: the same answers and errors, and nobody without a token."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.testing.edges import ServedEdges, serve_edges

from aether.common.v1.types import Caller
from aether.promotion.v1 import grpc, port, threads, types
from aether_openapi import promotion as rest
from aether_promotion.container import ERRORS

from .conftest import World


@dataclass(frozen=True)
class Clients:
    """The service as its callers see it, over REST and over gRPC; `trade` is a service with a token of its own."""

    edges: ServedEdges[port.PromotionService]
    olga: httpx.Client
    ada: httpx.Client
    nobody: httpx.Client
    stub: port.PromotionService
    stub_of_nobody: port.PromotionService
    trade: port.PromotionService


@pytest.fixture
def clients(world: World, tmp_path: Path) -> Iterator[Clients]:
    with serve_edges(world.service, tmp_path, rest=rest, grpc=grpc, threads=threads, errors=ERRORS) as edges:
        ada = edges.token("ada", "customer")
        yield Clients(
            edges=edges,
            olga=edges.rest(edges.token("olga", "operator")),
            ada=edges.rest(ada),
            nobody=edges.rest(),
            stub=edges.stub(ada),
            stub_of_nobody=edges.stub(),
            trade=edges.stub(edges.token("aether-trade", service=True)),
        )


TERMS = {
    "title": "Ten off a hundred",
    "benefit": {"amountOff": {"amountCents": "1000"}},
    "thresholdCents": "10000",
    "quota": "2",
    "limitPerUser": 1,
    "claimsFrom": "2030-01-01T00:00:00Z",
    "validFrom": "2030-01-01T00:00:00Z",
    "validUntil": "2030-01-02T00:00:00Z",
}
SALE = {
    "title": "A sale",
    "courseId": "3",
    "priceCents": "500",
    "startsAt": "2030-01-01T00:00:00Z",
    "endsAt": "2030-01-02T00:00:00Z",
    "quantity": "2",
}


def published(clients: Clients) -> str:
    """The path of a template that can be claimed from."""
    path = str(clients.olga.post("/v1/coupon-templates", json=TERMS).headers["location"])
    clients.olga.post(f"{path}/publish", headers={"if-match": '"1"'})
    return path


def test_an_operator_offers_and_a_customer_claims(clients: Clients) -> None:
    drafted = clients.olga.post("/v1/coupon-templates", json=TERMS)
    assert (drafted.status_code, drafted.headers["etag"]) == (201, '"1"')
    assert drafted.json() == {
        "id": "1",
        "terms": TERMS,
        "status": "TEMPLATE_STATUS_DRAFT",
        "claimed": "0",
        "version": "1",
        "createdAt": "2030-01-01T00:00:00Z",
    }
    path = drafted.headers["location"]
    assert clients.ada.get(path).status_code == 404
    opened = clients.olga.post(f"{path}/publish", headers={"if-match": '"1"'})
    assert opened.json()["status"] == "TEMPLATE_STATUS_PUBLISHED"
    assert clients.ada.get("/v1/coupon-templates").json()["templates"] == [opened.json()]
    for _ in range(2):
        claimed = clients.ada.post(f"{path}/claims", headers={"idempotency-key": "k1"})
        assert claimed.status_code == 201
    coupon = clients.ada.get(claimed.headers["location"])
    assert coupon.json() == {
        "id": claimed.json()["couponId"],
        "templateId": "1",
        "title": "Ten off a hundred",
        "benefit": TERMS["benefit"],
        "thresholdCents": "10000",
        "validFrom": TERMS["validFrom"],
        "validUntil": TERMS["validUntil"],
        "status": "COUPON_STATUS_UNUSED",
        "claimedAt": "2030-01-01T00:00:00Z",
    }
    assert clients.ada.get("/v1/coupons").json()["coupons"] == [coupon.json()]
    assert clients.olga.get(claimed.headers["location"]).status_code == 404


def test_a_sale_is_planned_read_and_closed_over_rest_and_sold_over_grpc(clients: Clients) -> None:
    planned = clients.olga.post("/v1/activities", json=SALE)
    assert (planned.status_code, planned.headers["location"]) == (201, "/v1/activities/1")
    reserving = types.ReserveRequest(
        order_id=9,
        buyer="ada",
        activity_id=1,
        quantity=2,
        expires_at=datetime(2030, 1, 1, 1, tzinfo=UTC),
    )
    assert clients.trade.reserve(reserving).status is types.ReservationStatus.HELD
    (sold,) = clients.trade.confirm(types.ConfirmRequest(order_id=9)).reservations
    assert sold.status is types.ReservationStatus.CONFIRMED
    assert clients.ada.get("/v1/activities/1").json() == {
        **SALE,
        "id": "1",
        "held": "0",
        "sold": "2",
        "version": "1",
    }
    closed = clients.olga.post("/v1/activities/1/close", headers={"if-match": planned.headers["etag"]})
    assert (closed.status_code, closed.headers["etag"]) == (200, '"2"')
    assert clients.ada.get("/v1/activities").json()["activities"] == [closed.json()]


def test_an_error_has_the_same_bytes_over_rest_and_grpc(clients: Clients) -> None:
    path = published(clients)
    clients.ada.post(f"{path}/claims", headers={"idempotency-key": "k1"})
    gateway = clients.edges.gateway(clients.edges.token("ada", "customer"))
    for template_id, key, status, kind in (
        (1, "k2", 409, b"/problems/promotion/claim-limit-reached"),
        (2, "k1", 404, b"/problems/promotion/template-not-found"),
    ):
        request = types.ClaimCouponRequest(template_id=template_id, idempotency_key=key)
        with pytest.raises(RemoteError) as refused:
            clients.stub.claim_coupon(request)
        for client in (clients.ada, gateway):
            answer = client.post(
                f"/v1/coupon-templates/{template_id}/claims", headers={"idempotency-key": key}
            )
            assert answer.content == refused.value.problem.to_json()
            assert answer.status_code == status
            assert kind in answer.content


def test_a_page_token_that_can_be_none_of_ours_is_malformed(clients: Clients) -> None:
    for token in ("%00", "a%20b", "AAAA=="):
        answer = clients.ada.get(f"/v1/coupons?pageToken={token}")
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed"), token


def test_stale_versions_and_strangers_are_refused(clients: Clients) -> None:
    path = published(clients)
    stale = clients.olga.post(f"{path}/withdraw", headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/promotion/template-has-changed")
    for answer in (
        clients.ada.post("/v1/coupon-templates", json=TERMS),
        clients.ada.post(f"{path}/withdraw", headers={"if-match": '"2"'}),
        clients.ada.post("/v1/activities", json=SALE),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/promotion/operators-only")


def test_claims_that_are_paused_say_when_to_come_back(clients: Clients, world: World) -> None:
    path = published(clients)
    world.keep_claim_authorities()
    world.claims.away = True
    paused = clients.ada.post(f"{path}/claims", headers={"idempotency-key": "k1"})
    assert (paused.status_code, paused.headers["retry-after"]) == (503, "1")
    assert paused.json()["type"] == "/problems/promotion/claims-are-paused"


def test_nobody_gets_in_without_a_token_and_a_customer_calls_no_method_for_services(clients: Clients) -> None:
    assert clients.nobody.get("/v1/coupons").status_code == 401
    with pytest.raises(RemoteError) as refused:
        clients.stub_of_nobody.get_coupon(types.GetCouponRequest(id=1))
    assert refused.value.problem.status == 401
    for call in (
        lambda: clients.stub.quote(types.QuoteRequest(buyer="ada")),
        lambda: clients.stub.confirm(types.ConfirmRequest(order_id=1)),
        lambda: clients.stub.release_coupons(types.ReleaseCouponsRequest(order_id=1)),
    ):
        with pytest.raises(RemoteError) as refused:
            call()
        assert refused.value.problem.status == 403


def test_a_request_cannot_say_whom_it_comes_from(clients: Clients) -> None:
    sent = clients.olga.post("/v1/coupon-templates", json={**TERMS, "caller": {"subject": "bob"}})
    assert sent.status_code == 400
    published(clients)
    forged = types.ClaimCouponRequest(
        caller=Caller(subject="bob", roles=("operator",), session=""), template_id=1, idempotency_key="k"
    )
    coupon_id = clients.stub.claim_coupon(forged).coupon_id
    assert clients.ada.get(f"/v1/coupons/{coupon_id}").status_code == 200
