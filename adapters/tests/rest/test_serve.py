"""Tests of the REST server behind a real socket."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import httpx
import pytest
from aether_adapters.kernel.identity import Access
from aether_adapters.observability.health import Health
from aether_adapters.rest import (
    ConnectionLimits,
    Offload,
    Operation,
    Reply,
    RestApp,
    RestOptions,
    build_app,
    serve,
)
from aether_adapters.testing.waiting import eventually


@contextmanager
def served(app: RestApp) -> Iterator[tuple[str, threading.Event, threading.Thread]]:
    stop, ready, ports = threading.Event(), threading.Event(), list[int]()

    def started(port: int) -> None:
        ports.append(port)
        ready.set()

    thread = threading.Thread(target=lambda: serve(app, "127.0.0.1", 0, stop, started=started), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield f"http://127.0.0.1:{ports[0]}", stop, thread
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def build(billing: ModuleType, options: RestOptions, **slow: Any) -> RestApp:
    """The billing application, with the calls of some operations replaced."""
    operations = [
        Operation(one.operation_id, Access.PUBLIC, one.decode, slow[one.operation_id], one.encode)
        if one.operation_id in slow
        else one
        for one in billing.operations(billing.Billing())
    ]
    return build_app(
        billing.CONTRACT,
        operations,
        errors=billing.ERRORS,
        verify=billing.verify,
        health=Health({}),
        options=options,
    )


def test_a_server_answers_the_billing_contract(billing: ModuleType) -> None:
    with served(build(billing, RestOptions())) as (url, _, _):
        client = httpx.Client(base_url=url, headers={"authorization": "Bearer ann"})
        made = client.post("/v1/invoices", json={"title": "Paper"})
        assert (made.status_code, made.headers["location"], made.headers["etag"]) == (
            201,
            "/v1/invoices/1",
            '"1"',
        )
        assert client.get(made.headers["location"]).json() == made.json()
        closed = client.post("/v1/invoices/1/close", headers={"if-match": made.headers["etag"]})
        assert closed.json()["status"] == "INVOICE_STATUS_CLOSED"
        assert client.get("/v1/tally").json() == {"created": "1", "closed": "1"}


def test_a_running_request_finishes_after_stop_while_readiness_fails(billing: ModuleType) -> None:
    offload = Offload(2, 2)
    entered = threading.Event()

    def slow(_: None) -> tuple[int, int]:
        entered.set()
        time.sleep(2.0)
        return 7, 7

    app = build(billing, RestOptions(drain=1.5), getTally=offload.wrap(slow))
    answers: list[httpx.Response] = []
    with served(app) as (url, stop, thread):
        asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/v1/tally")))
        asking.start()
        assert entered.wait(60)
        stop.set()
        deadline = time.monotonic() + 1.4
        while httpx.get(f"{url}/readyz").status_code == 200:
            assert time.monotonic() < deadline, "readiness did not fail"
        thread.join(10)
        asking.join(10)
    assert answers[0].json() == {"created": "7", "closed": "7"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz")
    assert offload.stop()


def test_an_occupied_address_raises_os_error(billing: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(build(billing, RestOptions()), "127.0.0.1", taken.getsockname()[1], threading.Event())


def test_a_chunked_body_above_the_limit_is_refused_before_it_ends(billing: ModuleType) -> None:
    with served(build(billing, RestOptions(body_limit=1000))) as (url, _, _):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(
                b"POST /v1/invoices HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ann\r\n"
                b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            for _ in range(3):
                connection.sendall(b"1f4\r\n" + b" " * 500 + b"\r\n")
            answer = b""
            while part := connection.recv(65536):  # until the server closes the connection
                answer += part
        assert answer.startswith(b"HTTP/1.1 413 ") and b"application/problem+json" in answer


def test_an_unfinished_request_gets_a_504_at_its_deadline(billing: ModuleType) -> None:
    with served(build(billing, RestOptions(deadline=0.3))) as (url, _, _):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(
                b"POST /v1/invoices HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ann\r\n"
                b"content-type: application/json\r\ncontent-length: 50\r\n\r\n{"
            )
            assert connection.recv(65536).startswith(b"HTTP/1.1 504 ")


def test_the_request_of_a_disconnected_client_ends(billing: ModuleType) -> None:
    with served(build(billing, RestOptions())) as (url, _, _):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(
                b"POST /v1/invoices HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ann\r\ncontent-length: 50\r\n\r\n{"
            )
        line = 'aether_rest_requests_total{domain="billing",operation="createInvoice",status="499"}'
        eventually(lambda: line in httpx.get(f"{url}/metrics").text, "the request has ended")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_field_of_a_reply_cannot_end_its_line(billing: ModuleType, value: bytes) -> None:
    async def nothing(_: Any) -> None:
        return None

    reply = Reply(200, ((b"x-value", value),), {})
    operations = [
        Operation(one.operation_id, Access.PUBLIC, lambda _: None, nothing, lambda _: reply)
        for one in billing.operations(billing.Billing())
    ]
    app = build_app(
        billing.CONTRACT, operations, errors=billing.ERRORS, verify=billing.verify, health=Health({})
    )
    with served(app) as (url, _, _):
        refused = httpx.get(f"{url}/v1/tally", timeout=60)
        assert refused.status_code == 500
        assert "set-cookie" not in refused.headers and "x-value" not in refused.headers


def test_a_head_request_gets_the_fields_of_a_get_and_no_body(billing: ModuleType) -> None:
    with served(build(billing, RestOptions())) as (url, _, _):
        client = httpx.Client(base_url=url, headers={"authorization": "Bearer ann"})
        shown, head = client.get("/v1/tally"), client.head("/v1/tally")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(shown.content))
        assert client.get("/v1/tally").content == shown.content, "nothing of it was left on the connection"
        with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as old:
            old.sendall(b"GET /v1/tally HTTP/1.0\r\nauthorization: Bearer ann\r\n\r\n")
            answer = b"".join(iter(lambda: old.recv(4096), b""))
        assert b"connection: close\r\n" in answer and answer.endswith(shown.content)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has a lower limit of its own")
def test_clients_cannot_take_the_files_that_a_service_needs_for_itself() -> None:
    import resource

    from aether_adapters.rest.server import within_open_files

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        few = within_open_files(ConnectionLimits(connections=100), "test")
        many = within_open_files(ConnectionLimits(connections=1000), "test")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (few.connections, many.connections) == (100, 384)


def test_while_it_drains_each_answer_ends_its_connection(billing: ModuleType) -> None:
    """So its clients connect again, to where their load balancer leads them by then."""
    with (
        served(build(billing, RestOptions(drain=2.0))) as (url, stop, _),
        httpx.Client(base_url=url, headers={"authorization": "Bearer ann"}) as client,
    ):
        paths = ("/v1/tally", "/readyz", "/openapi.json")
        before = [client.get(path) for path in paths]
        stop.set()
        while client.get("/readyz").status_code == 200:
            time.sleep(0.02)
        draining = [client.get(path) for path in paths]
    assert [(each.status_code, each.headers.get("connection")) for each in before] == [(200, None)] * 3
    assert [(each.status_code, each.headers.get("connection")) for each in draining] == [
        (200, "close"),
        (503, "close"),
        (200, "close"),
    ]
