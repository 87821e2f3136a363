"""E20: coded bodies are decoded under the limit, or refused by name."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Final

import pytest

from tests.attacks.conftest import Victim

JSON: Final = {"content-type": "application/json"}


def body(title: str) -> bytes:
    return json.dumps({"title": title}).encode()


def test_coded_bodies_are_decoded_under_the_limit_where_a_setting_allows_it(
    closed: Victim, victim: Victim
) -> None:
    plain = body("packed")
    for coding, data in (("gzip", gzip.compress(plain)), ("x-gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain)),
                         ("gzip, deflate", zlib.compress(gzip.compress(plain))), ("identity", plain), ("GZIP", gzip.compress(plain))):  # fmt: skip
        with closed.client() as client:
            answer = client.post("/v1/invoices", content=data, headers=JSON | {"content-encoding": coding})
        assert answer.status_code == 201, (coding, answer.text)
        assert answer.json()["title"] == "packed"
        if coding != "identity":
            with victim.client() as client:
                refused = client.post(
                    "/v1/invoices", content=data, headers=JSON | {"content-encoding": coding}
                )
            assert (refused.status_code, refused.headers["accept-encoding"]) == (415, "identity"), coding


@pytest.mark.parametrize(
    ("coding", "data", "status"),
    [
        ("gzip", gzip.compress(body("a" * 200_000)), 413),
        ("gzip", gzip.compress(b"[" * 50_000_000), 413),
        ("deflate, gzip", gzip.compress(zlib.compress(gzip.compress(b"0" * 30_000_000))), 400),
        ("gzip", body("plain"), 400),
        ("gzip", gzip.compress(body("cut"))[:-6], 400),
        ("gzip", gzip.compress(body("a")) + gzip.compress(body("b")), 400),
        ("br", body("plain"), 415),
        ("gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(body("a")))), 415),
        (",".join(["gzip"] * 5000), gzip.compress(body("a")), 415),
        ("gzip;q=1", gzip.compress(body("a")), 415),
    ],
    # Data holds the time of its compression, and the processes of a test run must agree on the names of tests.
    ids=["large", "bomb", "nested-bomb", "plain", "cut", "two", "other", "thrice", "endless", "quality"],
)  # fmt: skip
def test_bombs_and_damaged_bodies_are_refused(closed: Victim, coding: str, data: bytes, status: int) -> None:
    with closed.client() as client:
        answer = client.post("/v1/invoices", content=data, headers=JSON | {"content-encoding": coding})
    assert answer.status_code == status, answer.text
    if status == 415:
        assert answer.headers["accept-encoding"] == "deflate, gzip"
