"""Addresses as proxies write them, in one spelling, and as limits count them."""

from __future__ import annotations

import pytest
from aether_adapters.kernel.addresses import canonical, counted_as, reported


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:17085 ", "192.0.2.1"),
        ('"192.0.2.1:17085"', "192.0.2.1"),
        ("192.0.2.1:_port", "192.0.2.1"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ('"[2001:db8::7]:4711"', "2001:db8::7"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:c000:201]:1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        ("192.0.2.1:", None),
        ("192.0.2.1:x", None),
        ("[2001:db8::7", None),
        ("[2001:db8::7]4711", None),
        ("192.0.2.256", None),
        ("0" * 100_000, None),
    ],
)
def test_an_address_that_a_proxy_reports_has_one_spelling(text: str, address: str | None) -> None:
    assert reported(text) == address


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("nobody", "nobody"),
        ("", ""),
    ],
)
def test_a_limit_counts_ipv6_by_the_network_of_one_client(address: str, counted: str) -> None:
    assert counted_as(address) == counted


def test_an_ipv6_client_is_counted_by_its_network() -> None:
    assert counted_as("2001:db8::7") == counted_as("2001:DB8:0::8") == "2001:db8::/64"
    assert counted_as(counted_as("2001:db8::7")) == "2001:db8::/64"
    assert counted_as("2001:db8:0:1::7") != counted_as("2001:db8::7")


def test_an_ipv4_client_is_counted_by_its_address_however_it_is_written() -> None:
    assert counted_as("192.0.2.1") == counted_as("::ffff:192.0.2.1") == canonical("192.0.2.1") == "192.0.2.1"


def test_what_is_no_address_is_counted_as_it_is() -> None:
    assert counted_as("") == ""
    assert counted_as("a socket") == "a socket"
