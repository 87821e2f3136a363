"""One request over REST in process, REST through the gateway, and gRPC gives the same answer."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from tests.support.acme import Acme, Running

GRPC_CALL = """
import sys
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.grpc import Channel
from acme.billing.v1 import grpc, types
target, token, operation, arguments = sys.argv[1:]
with Channel(target, token=lambda: token) as channel:
    method, request = {
        "get": (grpc.client(channel).get_invoice, types.GetInvoiceRequest),
        "close": (grpc.client(channel).close_invoice, types.CloseInvoiceRequest),
    }[operation]
    try:
        print(method(request(**eval(arguments))))
    except RemoteError as error:
        print(error.problem.to_json().decode())
"""

MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+Z")


ARRANGEMENTS = {"in-process": (), "gateway": ("--gateway",)}


@pytest.fixture(scope="module")
def systems(billing: Acme) -> Iterator[Mapping[str, Running]]:
    """The domain in each arrangement, running at the same time."""
    with ExitStack() as stack, ThreadPoolExecutor(len(ARRANGEMENTS)) as pool:
        started = {name: billing.running(*flags) for name, flags in ARRANGEMENTS.items()}
        entered = {name: pool.submit(stack.enter_context, system) for name, system in started.items()}
        yield {name: system.result() for name, system in entered.items()}


@pytest.fixture(scope="module")
def tokens(billing: Acme) -> Mapping[str, str]:
    return {name: billing.token(name) for name in ("ada", "eve")}


@pytest.fixture(params=ARRANGEMENTS)
def client(
    request: pytest.FixtureRequest, systems: Mapping[str, Running], tokens: Mapping[str, str]
) -> Iterator[httpx.Client]:
    with systems[request.param].client(tokens["ada"]) as client:
        yield client


def test_an_invoice_is_created_read_listed_and_closed(client: httpx.Client) -> None:
    created = client.post("/v1/invoices", json={"title": "Paper 📄"})
    assert created.status_code == 201
    invoice = created.json()
    assert created.headers["location"] == f"/v1/invoices/{invoice['id']}"

    read = client.get(created.headers["location"])
    assert (read.status_code, read.json()) == (200, invoice)
    assert read.headers["etag"] == f'"{invoice["version"]}"'

    listed = client.get("/v1/invoices", params={"pageSize": 100}).json()["invoices"]
    assert invoice in listed

    closed = client.post(f"/v1/invoices/{invoice['id']}/close", headers={"if-match": read.headers["etag"]})
    assert closed.status_code == 200
    assert closed.json()["status"] == "INVOICE_STATUS_CLOSED"


def test_every_error_has_the_same_bytes_in_process_and_through_the_gateway(
    systems: Mapping[str, Running], tokens: Mapping[str, str]
) -> None:
    answers = []
    for system in systems.values():
        with system.client(tokens["ada"]) as ada, system.client(tokens["eve"]) as eve:
            answers.append(list(provoke(ada, eve)))
    alone, gateway = answers
    for one, other in zip(alone, gateway, strict=True):
        assert one == other
    assert {status for _, status, _, _ in alone} >= {400, 401, 404, 405, 409, 412, 413, 415, 422}


def provoke(ada: httpx.Client, eve: httpx.Client) -> Iterator[tuple[str, int, str, bytes]]:
    """Yield every error that a client can cause, as (name, status, content type, body without ids and times)."""
    invoice = ada.post("/v1/invoices", json={"title": "x"}).json()
    one = f"/v1/invoices/{invoice['id']}"
    ada.post(f"{one}/close", headers={"if-match": '"1"'})
    bearer = ada.headers["authorization"]
    requests: dict[str, Callable[[], httpx.Response]] = {
        "unknown id": lambda: ada.get("/v1/invoices/7"),
        "another person's": lambda: eve.get(one),
        "closed already": lambda: ada.post(f"{one}/close", headers={"if-match": '"2"'}),
        "stale version": lambda: ada.post(f"{one}/close", headers={"if-match": '"1"'}),
        "broken rule": lambda: ada.post("/v1/invoices", json={"title": " "}),
        "missing field": lambda: ada.post("/v1/invoices", json={}),
        "extra field": lambda: ada.post("/v1/invoices", json={"title": "x", "more": 1}),
        "forged caller": lambda: ada.post("/v1/invoices", json={"title": "x", "caller": {"subject": "eve"}}),
        "wrong type": lambda: ada.post("/v1/invoices", json={"title": 1}),
        "bad utf-8": lambda: ada.post(
            "/v1/invoices", content=b'{"title":"\xff"}', headers={"content-type": "application/json"}
        ),
        "not json": lambda: ada.post(
            "/v1/invoices", content=b"{", headers={"content-type": "application/json"}
        ),
        "deep json": lambda: ada.post(
            "/v1/invoices", content=b"[" * 100_000, headers={"content-type": "application/json"}
        ),
        "wrong media type": lambda: ada.post(
            "/v1/invoices", content=b"<x/>", headers={"content-type": "application/xml"}
        ),
        "too large": lambda: ada.post("/v1/invoices", json={"title": "x" * 2_000_000}),
        "id out of range": lambda: ada.get("/v1/invoices/99999999999999999999"),
        "unknown path": lambda: ada.get("/nowhere"),
        "wrong method": lambda: ada.delete(one),
        "no token": lambda: ada.get(one, headers={"authorization": ""}),
        "broken token": lambda: ada.get(one, headers={"authorization": bearer + "x"}),
        "no version": lambda: ada.post(f"{one}/close"),
        "weak version": lambda: ada.post(f"{one}/close", headers={"if-match": 'W/"1"'}),
    }
    for what, send in requests.items():
        answer = send()
        assert answer.headers["content-type"] == "application/problem+json", (what, answer.text)
        body = MOMENT.sub(b"MOMENT", answer.content.replace(invoice["id"].encode(), b"ID"))
        yield what, answer.status_code, answer.headers["content-type"], body


def test_grpc_answers_as_rest_does(
    billing: Acme, systems: Mapping[str, Running], tokens: Mapping[str, str]
) -> None:
    system, token = systems["in-process"], tokens["ada"]
    with system.client(token) as client:

        def over_grpc(operation: str, **arguments: object) -> str:
            call = billing.run(
                sys.executable, "-c", GRPC_CALL, system.grpc(), token, operation, repr(arguments)
            ).succeeded()
            return call.strip()

        invoice = client.post("/v1/invoices", json={"title": "x"}).json()
        number = int(invoice["id"])
        assert f"id={number}" in over_grpc("get", id=number)
        client.post(f"/v1/invoices/{number}/close", headers={"if-match": '"1"'})
        for version, unknown in itertools.product((1, 2), (number, 7)):
            rest = client.post(f"/v1/invoices/{unknown}/close", headers={"if-match": f'"{version}"'})
            assert over_grpc("close", id=unknown, version=version) == rest.text
