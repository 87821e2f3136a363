"""E19: a client is known by its address, however a proxy writes it."""

from __future__ import annotations

import httpx
import pytest

from tests.attacks.conftest import Victim


@pytest.mark.parametrize(
    "spellings",
    [
        [f"192.0.2.1:{port}" for port in range(17085, 17115)],
        ["192.0.2.2", "192.0.2.2:80", "::ffff:192.0.2.2", "[::ffff:192.0.2.2]:9", '"192.0.2.2:1"', "::FFFF:C000:202"] * 5,
        [f"[2001:db8:0:1::{number:x}]:4711" for number in range(30)],
        [f"2001:db8:0:2:{number:x}::7" for number in range(30)],
        [f"198.51.100.{number}, 192.0.2.4:5, 10.1.2.3:99" for number in range(30)],
        [f"fe80::1%{number}" for number in range(30)],
    ],
    ids=["ports", "mapped", "bracketed", "network", "spoofed", "zones"],
)  # fmt: skip
def test_one_client_has_one_limit_however_its_address_is_written(
    closed: Victim, spellings: list[str]
) -> None:
    with httpx.Client(base_url=closed.rest, timeout=20) as client:
        statuses = [
            client.get("/healthz", headers={"x-forwarded-for": each}).status_code for each in spellings
        ]
    assert statuses.count(429) > 10, statuses


def test_clients_behind_a_proxy_that_writes_ports_have_limits_of_their_own(closed: Victim) -> None:
    with httpx.Client(base_url=closed.rest, timeout=20) as client:
        for number in range(1, 60):
            for address in (f"100.64.{number}.1:17085", f"[2001:db8:{number:x}::7]:4711"):
                answer = client.get("/healthz", headers={"x-forwarded-for": address})
                assert answer.status_code == 200, address
                # The other header came from the client as it is: whoever reads it can be told anything.
                assert client.get(
                    "/healthz", headers={"x-forwarded-for": address, "forwarded": "for=192.0.2.99"}
                ).status_code == 200  # fmt: skip
