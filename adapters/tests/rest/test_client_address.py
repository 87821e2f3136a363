"""The client's address is believed from trusted proxies, in one header only."""

from __future__ import annotations

from typing import Any

import pytest
from aether_adapters.rest.client_address import ClientAddress, ForwardedHeader

PROXY = {"client": ("10.0.0.1", 1), "scheme": "http"}


@pytest.mark.parametrize(
    ("header", "value", "address"),
    [
        ("x-forwarded-for", "192.0.2.1:17085", "192.0.2.1"),
        ("x-forwarded-for", "203.0.113.9, [2001:db8::7]:4711 , 10.0.0.2:5", "2001:db8::7"),
        ("x-forwarded-for", "::ffff:192.0.2.1", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1, unknown", "10.0.0.1"),
        ("x-forwarded-for", ", ".join(["10.0.0.9"] * 5000), "10.0.0.9"),
        ("x-forwarded-for", "", "10.0.0.1"),
        ("forwarded", "for=192.0.2.43", "192.0.2.43"),
        ("forwarded", 'For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        ("forwarded", 'for=203.0.113.9, by=10.0.0.3;for="192.0.2.43:47011";proto=http', "192.0.2.43"),
        ("forwarded", "for=192.0.2.43, for=_secret", "10.0.0.1"),
        ("forwarded", "for=192.0.2.43, by=10.0.0.3", "10.0.0.1"),
        ("forwarded", 'for=192.0.2.43, for="10.0.0.2"', "192.0.2.43"),
        # The client chooses its Host, and may leave a quote open in what it sends itself.
        ("forwarded", 'host="x;for=203.0.113.9";for=192.0.2.43', "192.0.2.43"),
        ("forwarded", 'host="x, for=203.0.113.9";for=192.0.2.43', "192.0.2.43"),
        ("forwarded", 'for=192.0.2.43;host="x\\", for=203.0.113.9"', "192.0.2.43"),
        ("forwarded", 'for=192.0.2.43;host="x\\\\"', "192.0.2.43"),
        ("forwarded", "for=192.0.2.43;host=x;for=203.0.113.9", "10.0.0.1"),
        ("forwarded", 'for=", for=192.0.2.43;host="x"', "192.0.2.43"),
        ("forwarded", 'for="203.0.113.9, for=10.0.0.2', "10.0.0.2"),
        ("forwarded", '"' * 50_000, "10.0.0.1"),
        ("forwarded", '"\\' * 25_000, "10.0.0.1"),
    ],
)
def test_the_first_untrusted_hop_from_the_right_is_the_client(
    header: ForwardedHeader, value: str, address: str
) -> None:
    find = ClientAddress(["10.0.0.0/8"], header)
    other = b"x-forwarded-for" if header == "forwarded" else b"forwarded"
    sent = {header.encode(): value.encode(), other: b"for=198.51.100.99"}
    assert find(PROXY, sent) == address


@pytest.mark.parametrize(
    ("peer", "address"), [("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::0:1", "2001:db8::1")]
)
def test_a_peer_has_one_spelling_too(peer: str, address: str) -> None:
    assert ClientAddress([])({"client": (peer, 1)}, {b"x-forwarded-for": b"10.9.9.9"}) == address


def test_a_trusted_proxy_on_a_dual_stack_socket_is_trusted() -> None:
    scope = {"client": ("::ffff:10.0.0.1", 1), "scheme": "http"}
    assert ClientAddress(["::ffff:10.0.0.0/104"])(scope, {b"x-forwarded-for": b"192.0.2.1"}) == "192.0.2.1"
    find = ClientAddress(["10.0.0.0/8"])
    assert find(scope, {b"x-forwarded-for": b"192.0.2.1"}) == "192.0.2.1"
    assert find.comes_by_https(scope, {b"x-forwarded-proto": b"http, https"})


@pytest.mark.parametrize(
    ("scope", "proto", "https"),
    [
        ({"scheme": "https", "client": ("192.0.2.1", 1)}, b"http", True),
        (PROXY, b"https", True),
        (PROXY, b"https, http", False),
        ({"scheme": "http", "client": ("192.0.2.1", 1)}, b"https", False),
    ],
)
def test_https_is_seen_on_the_connection_or_told_by_a_trusted_proxy(
    scope: dict[str, Any], proto: bytes, https: bool
) -> None:
    assert ClientAddress(["10.0.0.0/8"]).comes_by_https(scope, {b"x-forwarded-proto": proto}) is https
