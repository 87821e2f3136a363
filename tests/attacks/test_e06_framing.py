"""E6: client, proxy and server agree where each request ends, whatever is sent (RFC 9112, section 11.2)."""

from __future__ import annotations

import time
from typing import Final

import pytest

from tests.attacks.conftest import Victim
from tests.attacks.wire import Answer, all_answers, answers

HOST: Final = "host: x"
UPGRADE: Final = (
    "connection: Upgrade, HTTP2-Settings",
    "upgrade: h2c",
    "http2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
"""What every JDK HttpClient adds to the first request of a connection."""
INVOICE: Final = b'{"title": "Paper"}'
SMUGGLED: Final = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
PAUSE_SECONDS: Final = 0.2


def head(victim: Victim | None, line: str, *fields: str) -> bytes:
    """A request's head, with the victim's token if there is one."""
    token = [f"authorization: Bearer {victim.token}"] if victim else []
    return "\r\n".join([line, *token, *fields, "", ""]).encode("latin-1")


def exchange(victim: Victim, *segments: bytes, count: int = 1) -> list[Answer]:
    """Send each of `segments` on its own; return `count` answers and whatever else comes soon after."""
    with victim.connect() as connection:
        for segment in segments:
            connection.sendall(segment)
            time.sleep(PAUSE_SECONDS if len(segments) > 1 else 0)
        found = answers(connection, count)
        connection.sendall(head(None, "GET /healthz HTTP/1.1", HOST, "connection: close"))
        return found + all_answers(connection)


@pytest.mark.parametrize(
    "upgrade", [UPGRADE, ("connection: upgrade", "upgrade: websocket")], ids=["h2c", "websocket"]
)
@pytest.mark.parametrize("apart", [False, True], ids=["one segment", "two segments"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_an_upgrade_that_is_not_accepted_is_ignored(
    upgrade: tuple[str, ...], apart: bool, chunked: bool, victim: Victim
) -> None:
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {len(INVOICE)}"
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(INVOICE), INVOICE) if chunked else INVOICE
    start = head(
        victim, "POST /v1/invoices HTTP/1.1", HOST, *upgrade, framing, "content-type: application/json"
    )
    found = exchange(victim, *((start, body) if apart else (start + body,)))
    assert [answer.status for answer in found] == [201, 200]
    assert found[0].status == 201 and b"Paper" in found[0].body


def test_the_body_of_an_upgrade_is_no_request(victim: Victim) -> None:
    start = head(victim, "POST /nowhere HTTP/1.1", HOST, *UPGRADE, f"content-length: {len(SMUGGLED)}")
    assert [answer.status for answer in exchange(victim, start, SMUGGLED)] == [404, 200]


def test_pipelined_upgrades_stay_in_order(victim: Victim) -> None:
    one = head(
        victim,
        "POST /v1/invoices HTTP/1.1",
        HOST,
        *UPGRADE,
        "content-length: 18",
        "content-type: application/json",
    )
    two = head(None, "GET /nowhere HTTP/1.1", HOST, *UPGRADE)
    found = exchange(victim, one + INVOICE + two + one + INVOICE + SMUGGLED, count=4)
    assert [answer.status for answer in found] == [201, 404, 201, 200, 200]


def test_an_upgrade_byte_by_byte_is_ignored_too(victim: Victim) -> None:
    start = head(
        victim,
        "POST /v1/invoices HTTP/1.1",
        HOST,
        *UPGRADE,
        "content-length: 18",
        "content-type: application/json",
    )
    with victim.connect() as connection:
        for byte in start + INVOICE + SMUGGLED:
            connection.sendall(bytes([byte]))
        assert [answer.status for answer in answers(connection, 2)] == [201, 200]


REFUSED: Final = {
    "two lengths": ("content-length: 3", "content-length: 5"),
    "one length twice": ("content-length: 3", "content-length: 3"),
    "a list of lengths": ("content-length: 3, 3",),
    "a signed length": ("content-length: +3",),
    "a negative length": ("content-length: -3",),
    "a hexadecimal length": ("content-length: 0x3",),
    "no length": ("content-length: ",),
    "an enormous length": ("content-length: 99999999999999999999999",),
    "length and coding": ("content-length: 3", "transfer-encoding: chunked"),
    "coding and length": ("transfer-encoding: chunked", "content-length: 3"),
    "identity": ("transfer-encoding: identity",),
    "not chunked last": ("transfer-encoding: chunked, gzip",),
    "gzip and chunked": ("transfer-encoding: gzip, chunked",),
    "identity, then chunked": ("transfer-encoding: identity", "transfer-encoding: chunked"),
    "chunked twice": ("transfer-encoding: chunked", "transfer-encoding: chunked"),
    "nearly chunked": ("transfer-encoding: xchunked",),
    "quoted chunked": ('transfer-encoding: "chunked"',),
    "vertical tab": ("transfer-encoding: \x0bchunked",),
    "space before colon": ("content-length : 3",),
    "folded": ("transfer-encoding:", " chunked"),
    "folded value": ("x: a", " b", "content-length: 3"),
    "bare carriage return": ("x: a\rcontent-length: 3",),
    "bare line feed": ("x: a\ncontent-length: 3",),
    "NUL": ("x: a\0b",),
    "no colon": ("content-length 3",),
    "no name": (": 3",),
    "another host": ("host: y",),
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("upgrade", [(), UPGRADE], ids=["plain", "upgrade"])
def test_ambiguous_framing_is_refused_and_the_rest_is_not_read(
    fields: tuple[str, ...], upgrade: tuple[str, ...], victim: Victim
) -> None:
    with victim.connect() as connection:
        connection.sendall(
            head(victim, "POST /nowhere HTTP/1.1", HOST, *upgrade, *fields) + b"abc" + SMUGGLED
        )
        (refused,) = all_answers(connection)
    assert refused.status in (400, 501)
    assert (refused.headers["content-type"], refused.headers["connection"]) == (
        "application/problem+json",
        "close",
    )


CHUNKS: Final = {
    "hexadecimal prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "negative": b"-3\r\nabc\r\n0\r\n\r\n",
    "overflow": b"fffffffffffffffff\r\nabc",
    "space": b"3 \r\nabc\r\n0\r\n\r\n",
    "line feed": b"3\nabc\r\n0\r\n\r\n",
    "extension with line feed": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "no end of chunk": b"3\r\nabc0\r\n\r\n",
    "longer than said": b"3\r\nabcd\r\n0\r\n\r\n",
    "no size": b"\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
@pytest.mark.parametrize("path", ["/v1/invoices", "/nowhere"])
def test_bad_chunks_end_the_connection(chunks: bytes, path: str, victim: Victim) -> None:
    start = head(
        victim, f"POST {path} HTTP/1.1", HOST, "transfer-encoding: chunked", "content-type: application/json"
    )
    with victim.connect() as connection:
        connection.sendall(start + chunks + SMUGGLED)
        found = all_answers(connection)
    assert [answer.status for answer in found] == [400]


def test_a_bad_chunk_that_comes_later_ends_the_connection(victim: Victim) -> None:
    start = head(
        victim,
        "POST /v1/invoices HTTP/1.1",
        HOST,
        "transfer-encoding: chunked",
        "content-type: application/json",
    )
    with victim.connect() as connection:
        connection.sendall(start + b"1\r\n{\r\n")
        time.sleep(PAUSE_SECONDS)
        connection.sendall(b"zz\r\n" + SMUGGLED)
        found = all_answers(connection)
    assert [answer.status for answer in found] == [400]
    assert found[0].headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /healthz HTTP/2.0", 505),
        ("GET /healthz HTTP/0.9", 505),
        ("GET /healthz HTTP/1.2", 400),
        ("GET /healthz", 505),
        ("GET\t/healthz\tHTTP/1.1", 400),
        ("PRI * HTTP/2.0", 400),
        ("CONNECT x:80 HTTP/1.1", 501),
        ("GET http://x:99999999/healthz HTTP/1.1", 400),
    ],
)
def test_another_protocol_is_refused(line: str, status: int, victim: Victim) -> None:
    with victim.connect() as connection:
        connection.sendall(head(None, line, HOST) + SMUGGLED)
        assert [answer.status for answer in all_answers(connection)] == [status]


def test_chunks_in_http_1_0_are_refused(victim: Victim) -> None:
    """A proxy that knows HTTP/1.0 only sees no body there (RFC 9112, section 6.1)."""
    with victim.connect() as connection:
        connection.sendall(
            head(None, "POST /nowhere HTTP/1.0", "transfer-encoding: chunked") + b"0\r\n\r\n" + SMUGGLED
        )
        assert [answer.status for answer in all_answers(connection)] == [400]


def test_a_request_without_host_is_refused_and_http_1_0_needs_none(victim: Victim) -> None:
    with victim.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n\r\n" + SMUGGLED)
        assert [answer.status for answer in all_answers(connection)] == [400]
    with victim.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert [answer.status for answer in all_answers(connection)] == [200]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://elsewhere/healthz", 200),
        ("http://elsewhere", 404),
        ("*", 404),
        ("/healthz#part", 200),
        ("/healthz?a=/../", 200),
    ],
)
def test_other_forms_of_the_target_are_understood(target: str, status: int, victim: Victim) -> None:
    method = "OPTIONS" if target == "*" else "GET"
    assert [
        answer.status for answer in exchange(victim, head(None, f"{method} {target} HTTP/1.1", HOST))
    ] == [status, 200]


def test_trailer_fields_are_no_header_fields(victim: Victim) -> None:
    start = head(
        None,
        "POST /v1/invoices HTTP/1.1",
        HOST,
        "transfer-encoding: chunked",
        "content-type: application/json",
    )
    trailers = f"authorization: Bearer {victim.token}\r\nx-request-id: smuggled\r\n".encode()
    found = exchange(victim, start + b"12\r\n" + INVOICE + b"\r\n0\r\n" + trailers + b"\r\n")
    assert [answer.status for answer in found] == [401, 200]
    assert found[0].headers["x-request-id"] != "smuggled"


def test_a_bad_request_is_answered_after_the_good_ones_before_it(victim: Victim) -> None:
    good = head(victim, "GET /v1/invoices HTTP/1.1", HOST)
    with victim.connect() as connection:
        connection.sendall(good + good + b"bad\r\n\r\n" + SMUGGLED)
        assert [answer.status for answer in all_answers(connection)] == [200, 200, 400]


def test_a_bad_body_is_answered_after_the_good_request_before_it(victim: Victim) -> None:
    good = head(victim, "GET /v1/invoices HTTP/1.1", HOST)
    bad = head(victim, "POST /v1/invoices HTTP/1.1", HOST, "transfer-encoding: chunked") + b"zz\r\n"
    with victim.connect() as connection:
        connection.sendall(good + good + bad + SMUGGLED)
        assert [answer.status for answer in all_answers(connection)] == [200, 200, 400]


def test_what_follows_connection_close_is_not_read(victim: Victim) -> None:
    with victim.connect() as connection:
        connection.sendall(head(None, "GET /healthz HTTP/1.1", HOST, "connection: close") + SMUGGLED)
        assert [answer.status for answer in all_answers(connection)] == [200]


def test_a_body_that_was_not_asked_for_cannot_become_a_request(victim: Victim) -> None:
    """Answered without 100 Continue, a client may send its body or not (RFC 9110, section 10.1.1)."""
    start = head(
        None, "POST /nowhere HTTP/1.1", HOST, "expect: 100-continue", f"content-length: {len(SMUGGLED)}"
    )
    with victim.connect() as connection:
        connection.sendall(start)
        found = answers(connection)
        assert (found[0].status, found[0].headers["connection"]) == (404, "close")
        assert all_answers(connection) == []


def test_a_body_that_was_asked_for_is_read_and_the_connection_goes_on(victim: Victim) -> None:
    start = head(
        victim,
        "POST /v1/invoices HTTP/1.1",
        HOST,
        "expect: 100-continue",
        "content-length: 18",
        "content-type: application/json",
    )
    with victim.connect() as connection:
        connection.sendall(start)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(INVOICE)
        assert answers(connection)[0].status == 201
        connection.sendall(SMUGGLED)
        assert answers(connection)[0].status == 200


def test_many_pipelined_requests_are_answered_in_order(victim: Victim) -> None:
    one, other = SMUGGLED, head(None, "GET /nowhere HTTP/1.1", HOST)
    create = head(
        victim, "POST /v1/invoices HTTP/1.1", HOST, "content-length: 18", "content-type: application/json"
    )
    with victim.connect() as connection:
        connection.sendall((one + other) * 60 + create + INVOICE + one)
        statuses = [answer.status for answer in answers(connection, 122)]
    assert statuses == [200, 404] * 60 + [201, 200]


@pytest.mark.parametrize("path", ["/v1/invoices", "/nowhere"])
def test_a_trailer_that_closes_the_connection_does_so(path: str, victim: Victim) -> None:
    """The parser reads no further request, and whoever sent one, a proxy for somebody else, would wait for its answer."""
    start = head(
        victim,
        f"POST {path} HTTP/1.1",
        HOST,
        "transfer-encoding: chunked",
        "content-type: application/json",
    )
    body = b"%x\r\n%s\r\n0\r\nconnection: close\r\n\r\n" % (len(INVOICE), INVOICE)
    for segments in ((start + body + SMUGGLED,), (start, body, SMUGGLED)):
        with victim.connect() as connection:
            for segment in segments:
                connection.sendall(segment)
                time.sleep(PAUSE_SECONDS if len(segments) > 1 else 0)
            found = all_answers(connection)
        assert [answer.status for answer in found] == [201 if path == "/v1/invoices" else 404]
