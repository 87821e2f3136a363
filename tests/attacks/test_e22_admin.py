"""E22: the admin port serves probes and metrics of every role, where a setting puts it, and cannot be filled up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import httpx
import psutil
import pytest
from aether_adapters.embedded import children

from tests.attacks.conftest import Victim, victim_of
from tests.attacks.wire import all_answers, closed_within, connect, pour
from tests.support.acme import Acme
from tests.support.roles import standing_still

ADMIN_HOST: Final = "127.0.0.2"
MEGABYTE: Final = 1024 * 1024


@pytest.fixture(scope="module")
def admin() -> tuple[str, int]:
    """Where the admin port is: not where the API listens."""
    return ADMIN_HOST, children.free_port()


@pytest.fixture(scope="module")
def watched(
    billing: Acme, admin: tuple[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Victim]:
    """A victim with an admin port."""
    settings = {"ADMIN_HOST": admin[0], "ADMIN_PORT": str(admin[1])}
    with victim_of(billing, tmp_path_factory.mktemp("watched"), "api", **settings) as victim:
        yield victim


def test_the_admin_port_of_an_api_serves_probes_and_metrics(watched: Victim, admin: tuple[str, int]) -> None:
    with httpx.Client(base_url=f"http://{admin[0]}:{admin[1]}") as client:
        assert client.get("/healthz").json() == {"status": "alive"}
        assert client.get("/readyz").json() == {"status": "ready"}
        assert "aether_rest_requests_total" in client.get("/metrics").text
        assert client.get("/v1/invoices").status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{admin[1]}/healthz")
    assert watched.process.process.poll() is None


def test_the_admin_port_takes_only_reading(watched: Victim, admin: tuple[str, int]) -> None:
    refused = httpx.post(f"http://{admin[0]}:{admin[1]}/metrics", content=b"a" * 100)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    head = httpx.head(f"http://{admin[0]}:{admin[1]}/healthz")
    assert (head.status_code, head.content) == (200, b"")


def test_silent_connections_to_the_admin_port_take_no_threads(
    watched: Victim, admin: tuple[str, int]
) -> None:
    process = psutil.Process(watched.process.process.pid)
    before = process.num_threads()
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connect(*admin))
        time.sleep(0.5)
        assert process.num_threads() <= before + 2
        held = [one for one in process.net_connections("tcp") if one.laddr.port == admin[1]]
        assert len(held) <= 80
        assert httpx.get(f"http://{admin[0]}:{admin[1]}/healthz").status_code == 200


def test_a_head_without_end_is_refused_at_the_admin_port(watched: Victim, admin: tuple[str, int]) -> None:
    with connect(*admin) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nendless: ")
        assert pour(connection, b"a" * 16384, 50 * MEGABYTE) < 8 * MEGABYTE
        assert [answer.status for answer in all_answers(connection)] == [431]
    assert watched.process.process.poll() is None


@pytest.mark.prove
def test_a_silent_connection_to_the_admin_port_is_closed(watched: Victim, admin: tuple[str, int]) -> None:
    with connect(*admin) as connection:
        assert closed_within(connection, 15)
    assert watched.process.process.poll() is None


@pytest.mark.prove
def test_scrapes_all_at_once_harm_no_stranger(watched: Victim, admin: tuple[str, int]) -> None:
    with watched.stranger() as stranger, stranger.unharmed(), ExitStack() as stack:
        scrapes = [stack.enter_context(connect(*admin)) for _ in range(50)]
        for _ in range(10):
            for scrape in scrapes:
                scrape.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
            time.sleep(0.5)
            for scrape in scrapes:
                scrape.setblocking(False)
                scrape.recv(10 * MEGABYTE)
                scrape.setblocking(True)


def test_the_admin_port_still_answers_for_a_process_that_was_stopped(
    watched: Victim, admin: tuple[str, int]
) -> None:
    with standing_still(watched.process.process.pid):
        time.sleep(0.5)
    assert httpx.get(f"http://{admin[0]}:{admin[1]}/readyz", timeout=10).status_code == 200
