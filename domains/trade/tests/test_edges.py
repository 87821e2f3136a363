"""REST and gRPC in this process, on free ports: the same answers and errors, and nobody without a token."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from aether_adapters.auth.webhook_signatures import sign
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.testing.edges import ServedEdges, serve_edges

from aether.common.v1.types import Caller
from aether.trade.v1 import grpc, port, threads, types
from aether_openapi import trade as rest
from aether_trade.container import ERRORS

from .conftest import World
from .memory_services import MemoryPayments


@dataclass(frozen=True)
class Clients:
    """The service as its callers see it; clients by name speak REST, stubs speak gRPC."""

    edges: ServedEdges[port.TradeService]
    ada: httpx.Client
    olga: httpx.Client
    nobody: httpx.Client
    stub: port.TradeService
    stub_of_service: port.TradeService
    stub_of_nobody: port.TradeService


@pytest.fixture
def clients(world: World, tmp_path: Path) -> Iterator[Clients]:
    with serve_edges(world.service, tmp_path, rest=rest, grpc=grpc, threads=threads, errors=ERRORS) as edges:
        ada = edges.token("ada", "customer")
        yield Clients(
            edges=edges,
            ada=edges.rest(ada),
            olga=edges.rest(edges.token("olga", "operator")),
            nobody=edges.rest(),
            stub=edges.stub(ada),
            stub_of_service=edges.stub(edges.token("aether-promotion", service=True)),
            stub_of_nobody=edges.stub(),
        )


def place(client: httpx.Client, course: int, *, key: str = "k", quantity: int = 1) -> httpx.Response:
    items = [{"courseId": str(course), "quantity": quantity}]
    while True:
        answer = client.post("/v1/orders", json={"items": items}, headers={"idempotency-key": key})
        if answer.status_code != 429:
            return answer
        time.sleep(
            float(answer.headers["retry-after"])
        )  # a hundred at once may be too many for a busy machine


def test_a_course_is_created_changed_and_listed_over_rest(clients: Clients) -> None:
    draft = {"title": "Hexagons", "priceCents": "4900", "onSale": True}
    created = clients.olga.post("/v1/courses", json=draft)
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    assert clients.ada.get(created.headers["location"]).json() == {
        "id": "1",
        "title": "Hexagons",
        "priceCents": "4900",
        "onSale": True,
        "version": "1",
        "createdAt": "2030-01-01T00:00:00Z",
    }
    changed = clients.olga.put("/v1/courses/1", json=draft | {"priceCents": "1"}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.json()["priceCents"]) == (200, "1")
    stale = clients.olga.put("/v1/courses/1", json=draft, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/trade/course-has-changed")
    clients.olga.post("/v1/courses", json=draft)
    page = clients.ada.get("/v1/courses", params={"pageSize": 1})
    assert page.links["next"]["rel"] == "next"
    last = clients.ada.get(page.links["next"]["url"])
    assert [course["id"] for course in last.json()["courses"]] == ["1"]
    assert "link" not in last.headers


def test_what_is_placed_over_rest_is_read_over_grpc(clients: Clients, world: World) -> None:
    course = world.course(4900)
    placed = place(clients.ada, course, quantity=2)
    assert placed.status_code == 201
    assert (placed.headers["location"], placed.headers["etag"]) == ("/v1/orders/2", '"1"')
    assert placed.json() == {
        "id": "2",
        "buyer": "ada",
        "status": "ORDER_STATUS_PENDING_PAYMENT",
        "lines": [
            {
                "number": 1,
                "courseId": "1",
                "title": "Hexagons",
                "quantity": 2,
                "priceCents": "4900",
                "discountCents": "0",
                "payableCents": "9800",
                "refundedQuantity": 0,
                "refundedCents": "0",
            }
        ],
        "totalCents": "9800",
        "discountCents": "0",
        "payableCents": "9800",
        "refundedCents": "0",
        "couponIds": [],
        "version": "1",
        "placedAt": "2030-01-01T00:00:00Z",
        "deadline": "2030-01-01T00:15:00Z",
    }
    assert clients.stub.get_order(types.GetOrderRequest(id=2)) == world.get(2)
    assert clients.ada.put("/v1/orders/2/payment").json() == {
        "orderId": "2",
        "paymentId": "pay_2",
        "amountCents": "9800",
        "payUrl": "https://pay.example/pay_2",
    }
    state = clients.stub_of_service.get_order_state(types.GetOrderStateRequest(order_id=2))
    assert state == types.OrderState(order_id=2, status=types.OrderStatus.PENDING_PAYMENT)


def test_a_hundred_identical_requests_at_once_get_a_hundred_equal_answers(
    clients: Clients, world: World
) -> None:
    course = world.course()
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: place(clients.ada, course), range(100)))
    kept = ("location", "etag", "content-type")
    assert {(answer.status_code, answer.content, *map(answer.headers.get, kept)) for answer in answers} == {
        (201, answers[0].content, "/v1/orders/2", '"1"', "application/json")
    }
    assert len(clients.ada.get("/v1/orders").json()["orders"]) == 1
    other = place(clients.ada, course, quantity=2)
    assert (other.status_code, other.json()["type"]) == (409, "/problems/trade/key-used-for-another-order")


def test_a_notice_of_anybody_is_believed_for_its_signature_alone(clients: Clients, world: World) -> None:
    place(clients.ada, world.course(4900))
    # Spaces that no JSON library writes: the signature covers the bytes.
    body = b'{ "type":"payment.succeeded", "paymentId":"p", "orderId":"2",  "amountCents":"4900" }'

    def send(client: httpx.Client, secret: str) -> httpx.Response:
        headers = {"payment-signature": sign(secret, body), "content-type": "application/json"}
        return client.post("/v1/payment-notices", content=body, headers=headers)

    forged = send(clients.ada, "another")
    assert (forged.status_code, forged.json()["type"]) == (403, "/problems/trade/signature-forged")
    assert [send(clients.nobody, MemoryPayments.SECRET).json() for _ in range(2)] == [
        {"news": True},
        {"news": False},
    ]
    assert clients.ada.get("/v1/orders/2").json()["status"] == "ORDER_STATUS_PAID"
    refunded = clients.olga.post(
        "/v1/orders/2/refunds", json={"items": [{"line": 1, "quantity": 1}]}, headers={"if-match": '"2"'}
    )
    assert (refunded.status_code, refunded.json()["refundedCents"]) == (200, "4900")


def test_an_error_has_the_same_bytes_over_rest_and_grpc(clients: Clients, world: World) -> None:
    place(clients.ada, world.course())
    clients.ada.post("/v1/orders/2/cancel", headers={"if-match": '"1"'})

    gateway = clients.edges.gateway(clients.edges.token("ada", "customer"))

    def cancel(order_id: int, version: int) -> tuple[int, bytes]:
        path, seen = f"/v1/orders/{order_id}/cancel", {"if-match": f'"{version}"'}
        answers = [client.post(path, headers=seen) for client in (clients.ada, gateway)]
        with pytest.raises(RemoteError) as refused:
            clients.stub.cancel_order(types.CancelOrderRequest(id=order_id, version=version))
        assert [answer.content for answer in answers] == [refused.value.problem.to_json()] * 2
        assert answers[0].status_code == answers[1].status_code
        return answers[0].status_code, answers[0].content

    for order_id, version, status, kind in (
        (9, 1, 404, b"/problems/trade/order-not-found"),
        (2, 2, 409, b"/problems/trade/order-not-pending"),
        (2, 1, 412, b"/problems/trade/order-has-changed"),
    ):
        answered, body = cancel(order_id, version)
        assert answered == status
        assert kind in body


def test_a_page_token_that_can_be_none_of_ours_is_malformed(clients: Clients) -> None:
    for token in ("%00", "a%20b", "AAAA=="):
        answer = clients.ada.get(f"/v1/orders?pageToken={token}")
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed"), token


def test_nobody_gets_in_without_a_token(clients: Clients) -> None:
    assert clients.nobody.get("/v1/orders/1").status_code == 401
    with pytest.raises(RemoteError) as refused:
        clients.stub_of_nobody.get_order(types.GetOrderRequest(id=1))
    assert refused.value.problem.status == 401


def test_a_customer_is_no_operator_and_no_service(clients: Clients, world: World) -> None:
    place(clients.ada, world.course())
    draft = {"title": "Hexagons", "priceCents": "4900", "onSale": True}
    seen = {"if-match": '"1"'}
    for answer in (
        clients.ada.post("/v1/courses", json=draft),
        clients.ada.put("/v1/courses/1", json=draft, headers=seen),
        clients.ada.post("/v1/orders/2/refunds", json={}, headers=seen),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/trade/operators-only")
    for stub in (clients.stub, clients.stub_of_nobody):
        with pytest.raises(RemoteError) as refused:
            stub.get_order_state(types.GetOrderStateRequest(order_id=2))
        assert refused.value.problem.status in (401, 403)


def test_a_request_cannot_say_whom_it_comes_from_nor_what_it_costs(clients: Clients, world: World) -> None:
    course = world.course(4900)
    item = {"courseId": str(course), "quantity": 1}
    for body in (
        {"items": [item], "caller": {"subject": "bob"}},
        {"items": [item | {"priceCents": "1"}]},
    ):
        sent = clients.ada.post("/v1/orders", json=body, headers={"idempotency-key": "k"})
        assert sent.status_code == 400
    forged = types.PlaceOrderRequest(
        caller=Caller(subject="bob", roles=("operator",), session=""),
        idempotency_key="k",
        items=(types.OrderItem(course_id=course, quantity=1),),
    )
    assert clients.stub.place_order(forged).buyer == "ada"
