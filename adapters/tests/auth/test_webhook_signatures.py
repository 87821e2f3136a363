"""Tests of webhook signatures."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from aether_adapters.auth.webhook_signatures import SignatureCheck, sign

BODY = b'{"amount":"100"}'
NOW = 1_900_000_000.0
CHECK = SignatureCheck(["new", "old"], now=lambda: NOW)


def test_the_signature_is_the_hmac_of_time_and_body() -> None:
    digest = hmac.new(b"old", b"1900000000." + BODY, hashlib.sha256).hexdigest()
    assert sign("old", BODY, at=NOW) == f"t=1900000000,v1={digest}"


@pytest.mark.parametrize("secret", ["new", "old"])
def test_a_body_signed_with_any_of_the_secrets_is_accepted(secret: str) -> None:
    assert CHECK(BODY, sign(secret, BODY, at=NOW))


def test_two_signatures_are_accepted_if_one_is_right() -> None:
    other = sign("another", BODY, at=NOW)
    assert CHECK(BODY, f"{other},{sign('new', BODY, at=NOW).partition(',')[2]}")


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_signature_is_valid_within_the_tolerance(seconds: int) -> None:
    assert CHECK(BODY, sign("new", BODY, at=NOW + seconds))
    assert not CHECK(BODY, sign("new", BODY, at=NOW + seconds + (1 if seconds > 0 else -1)))


RIGHT = sign("new", BODY, at=NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1900000000",
        RIGHT.replace("v1=", "v0="),
        RIGHT.replace("t=1900000000", "t=1900000001"),
        RIGHT[:-1] + ("0" if RIGHT[-1] != "0" else "1"),
        RIGHT.upper(),
        f" {RIGHT}",
        f"{RIGHT}\n",
        RIGHT.replace("t=19", "t=\uff1119"),
        sign("another", BODY, at=NOW),
        sign("", BODY, at=NOW),
    ],
)
def test_any_other_header_is_refused(header: str) -> None:
    assert not CHECK(BODY, header)


def test_a_changed_body_is_refused() -> None:
    assert not CHECK(BODY + b" ", RIGHT)


def test_without_a_secret_everything_is_refused() -> None:
    assert not SignatureCheck([""], now=lambda: NOW)(BODY, sign("", BODY, at=NOW))
    assert not SignatureCheck([], now=lambda: NOW)(BODY, RIGHT)
