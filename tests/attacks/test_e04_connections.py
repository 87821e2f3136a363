"""E4: a client cannot hold, fill or starve the REST server by what it sends, withholds or does not read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import psutil
import pytest
from aether_adapters.testing.waiting import eventually

from tests.attacks.conftest import Victim, victim_of
from tests.attacks.wire import all_answers, answers, closed_within, pour, trickle
from tests.support.acme import Acme

CONNECTIONS: Final = 60
SHORT: Final = {
    "REST_HEAD_SECONDS": "1",
    "REST_IDLE_SECONDS": "2",
    "REST_BODY_SECONDS": "2",
    "REST_WRITE_SECONDS": "2",
    "REST_CONNECTIONS": str(CONNECTIONS),
    "REST_BODIES_BYTES": str(3 * 1024 * 1024),
    "DEADLINE_SECONDS": "20",
}
"""Patience of a victim that tests need not wait for."""

GET: Final = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
_AGAIN_SECONDS: Final = 0.02
"""An attacker's pause: without any, this process and not the server's would be what the stranger waits for."""
MEGABYTE: Final = 1024 * 1024


@pytest.fixture(scope="module")
def hasty(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A victim with little patience and few connections."""
    with victim_of(billing, tmp_path_factory.mktemp("hasty"), "api", **SHORT) as victim:
        yield victim


def post(victim: Victim, *fields: str, path: str = "/v1/invoices") -> bytes:
    """The head of a request with a body."""
    lines = [f"POST {path} HTTP/1.1", "host: x", f"authorization: Bearer {victim.token}", *fields]
    return "\r\n".join([*lines, "content-type: application/json", "", ""]).encode()


def test_a_header_without_end_is_refused_at_64_kb(hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nendless: ")
        sent = pour(connection, b"a" * 16384, 50 * MEGABYTE)
        (refused,) = all_answers(connection)
    assert sent < 8 * MEGABYTE, "the sockets' buffers hold that much at most"
    assert (refused.status, refused.headers["content-type"]) == (431, "application/problem+json")
    assert refused.headers["connection"] == "close"
    assert "65536" in refused.problem["detail"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nlong: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
        + b"a: "
        + b"b" * 1000
        + b"\r\n" * 1
        + (b"c: " + b"d" * 1000 + b"\r\n") * 69
        + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"a" * 70_000 + b": b\r\n\r\n",
        b"\r\n" * 40_000 + GET,
    ],
    ids=["target", "value", "many fields", "name", "empty lines"],
)
def test_a_head_above_64_kb_is_refused_wherever_it_is_long(head: bytes, hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(head)
        assert [answer.status for answer in all_answers(connection)] == [431]


def test_a_head_just_under_both_limits_is_served(hasty: Victim) -> None:
    fields = b"".join(b"f%d: %s\r\n" % (number, b"a" * 600) for number in range(99))
    with hasty.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + fields + b"\r\n")
        assert [answer.status for answer in answers(connection)] == [200]


def test_400_000_fields_are_refused_at_100(hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        sent = pour(connection, b"a: b\r\n" * 1000, 50 * MEGABYTE)
        (refused,) = all_answers(connection)
    assert sent < 8 * MEGABYTE, "the sockets' buffers hold that much at most"
    assert refused.status == 431 and "100" in refused.problem["detail"]


@pytest.mark.parametrize("count", [101, 5000])
def test_too_many_trailer_fields_are_refused(count: int, hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(post(hasty, "transfer-encoding: chunked"))
        connection.sendall(b"0\r\n" + b"a: b\r\n" * count + b"\r\n")
        assert [answer.status for answer in all_answers(connection)] == [431]


def test_a_silent_connection_is_closed(hasty: Victim) -> None:
    with hasty.connect() as connection:
        assert closed_within(connection, 3)


@pytest.mark.prove
def test_a_connection_that_only_sends_empty_lines_is_closed(hasty: Victim) -> None:
    with hasty.connect() as connection:
        assert trickle(connection, b"\r\n", 0.1, 10) < 4


def test_half_a_head_is_answered_408(hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        (refused,) = all_answers(connection)
    assert (refused.status, refused.headers["connection"]) == (408, "close")
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.prove
def test_a_head_that_trickles_is_answered_408(hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        assert trickle(connection, b"a: b\r\n", 0.1, 10) < 4
        assert [answer.status for answer in all_answers(connection)] == [408]


@pytest.mark.prove
def test_an_idle_connection_is_closed(hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(GET)
        assert answers(connection)[0].status == 200
        assert closed_within(connection, 5)


@pytest.mark.prove
def test_a_body_that_stays_away_is_answered_408(hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(post(hasty, "content-length: 100") + b"{")
        (refused,) = all_answers(connection)
    assert (refused.status, refused.headers["connection"]) == (408, "close")


@pytest.mark.prove
@pytest.mark.parametrize("path", ["/v1/invoices", "/nowhere"])
def test_a_body_that_trickles_ends_the_connection(path: str, hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(post(hasty, "content-length: 10000", path=path))
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 8:
                connection.sendall(b" ")
                time.sleep(0.1)
        assert time.monotonic() - began < 7


@pytest.mark.prove
@pytest.mark.parametrize("framing", ["content-length: 1000000000", "transfer-encoding: chunked"])
def test_a_body_that_nobody_reads_is_not_taken_for_long(framing: str, hasty: Victim) -> None:
    """The path is unknown, so the answer is there before the body."""
    part = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with hasty.connect() as connection:
        connection.sendall(post(hasty, framing, path="/nowhere"))
        assert answers(connection)[0].status == 404
        sent = 0
        with pytest.raises(OSError):
            while sent < 200 * MEGABYTE:
                connection.sendall(part)
                sent += len(part)
        assert sent < 30 * MEGABYTE


@pytest.mark.prove
@pytest.mark.parametrize(
    "chunk", [b"1;" + b"a" * 60_000 + b"\r\n \r\n", b"1\r\n \r\n" * 10_000], ids=["extensions", "tiny chunks"]
)
def test_a_body_of_little_but_framing_is_refused(chunk: bytes, hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(post(hasty, "transfer-encoding: chunked"))
        sent = pour(connection, chunk, 60 * MEGABYTE)
        answered = all_answers(connection)
    assert sent < 20 * MEGABYTE
    assert [answer.status for answer in answered] == [400]


@pytest.mark.prove
def test_a_chunk_extension_without_end_is_refused(hasty: Victim) -> None:
    with hasty.connect() as connection:
        connection.sendall(post(hasty, "transfer-encoding: chunked") + b"1;")
        sent = pour(connection, b"a" * 16384, 60 * MEGABYTE)
        assert [answer.status for answer in all_answers(connection)] == [400]
    assert sent < 20 * MEGABYTE


def test_bodies_on_their_way_take_bounded_memory_together(hasty: Victim) -> None:
    """Each stays under the limit for one body and is never complete; small bodies are served meanwhile."""
    part = b'{"title":"' + b"a" * 900_000
    with ExitStack() as stack:
        many = [stack.enter_context(hasty.connect()) for _ in range(12)]
        for connection in many:
            with suppress(OSError):  # the server need not read what it has refused
                connection.sendall(post(hasty, f"content-length: {MEGABYTE}") + part)
        with hasty.client() as client:
            assert client.post("/v1/invoices", json={"title": "Paper"}).status_code == 201
        statuses = [answers(connection)[0].status for connection in many]
    assert set(statuses) <= {408, 429}
    assert 1 <= statuses.count(408) <= 3, "three have room; which ones depends on how their parts arrive"

    def served() -> bool:
        with hasty.client() as client:
            return client.post("/v1/invoices", json={"title": "a" * 900_000}).status_code == 400

    eventually(served, "there is room again")


@pytest.mark.prove
def test_a_client_that_does_not_read_is_disconnected(hasty: Victim) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty.deployment.rest_port))
        connection.settimeout(10)
        request = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 20:
                connection.sendall(request * 50)  # blocks as soon as the server stops reading
        assert time.monotonic() - began < 9


def test_connections_beyond_the_cap_take_the_place_of_those_that_wait(hasty: Victim) -> None:
    """An attacker's connections from one address push each other out, not those of a stranger."""
    with ExitStack() as stack:
        stranger = stack.enter_context(hasty.connect())
        stranger.sendall(GET)
        assert answers(stranger)[0].status == 200
        for _ in range(4 * CONNECTIONS):
            stack.enter_context(_from_elsewhere(hasty))
        assert _open_connections(hasty) <= CONNECTIONS + 5
        stranger.sendall(GET)
        assert answers(stranger)[0].status == 200, "an innocent connection was cut"
        with hasty.connect() as another:
            another.sendall(GET)
            assert answers(another)[0].status == 200


@pytest.mark.prove
@pytest.mark.parametrize(
    "what",
    [
        "endless header",
        "fields",
        "silent",
        "slow",
        "pipelined",
        "tiny chunks",
        "unread",
        "upgrades",
        "come and go",
    ],
)
def test_a_stranger_is_unharmed(what: str, hasty: Victim) -> None:
    with hasty.stranger() as stranger, stranger.unharmed(), _attackers(hasty, what):
        time.sleep(6)


@contextmanager
def _attackers(victim: Victim, what: str) -> Iterator[None]:
    """Four attackers, each of which starts again as soon as it is refused."""
    stop = threading.Event()

    def attack() -> None:
        while not stop.is_set():
            with suppress(OSError), _from_elsewhere(victim) as connection:
                _attack(victim, what, connection)
            stop.wait(_AGAIN_SECONDS)

    threads = [threading.Thread(target=attack, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def _attack(victim: Victim, what: str, connection: socket.socket) -> None:
    connection.settimeout(10)
    match what:
        case "endless header":
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nendless: ")
            pour(connection, b"a" * 65536, 50 * MEGABYTE)
        case "fields":
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
            pour(connection, b"a: b\r\n" * 10_000, 400_000 * 6)
        case "silent":
            with ExitStack() as stack:
                for _ in range(50):
                    stack.enter_context(_from_elsewhere(victim))
                time.sleep(0.5)
        case "slow":
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
            trickle(connection, b"a: b\r\n", 0.01, 3)
        case "pipelined":
            connection.sendall(b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n" * 10_000)
            time.sleep(0.5)
        case "tiny chunks":
            connection.sendall(post(victim, "transfer-encoding: chunked"))
            pour(connection, b"1\r\n \r\n" * 10_000, 3 * MEGABYTE)
        case "upgrades":
            upgrade = b"POST /nowhere HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\nabc"
            connection.sendall(upgrade * 2_000)
            time.sleep(0.5)
        case "come and go":
            for _ in range(100):
                _from_elsewhere(victim).close()
        case "unread":
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 1000)
            time.sleep(1)


def _from_elsewhere(victim: Victim) -> socket.socket:
    """Connect from another address than everybody else."""
    return socket.create_connection(
        ("127.0.0.1", victim.deployment.rest_port), timeout=10, source_address=("127.0.0.9", 0)
    )


def _open_connections(victim: Victim) -> int:
    """How many clients the REST server holds."""
    found = psutil.Process(victim.process.process.pid).net_connections("tcp")
    return sum(
        1
        for one in found
        if one.status == psutil.CONN_ESTABLISHED and one.laddr.port == victim.deployment.rest_port
    )
