"""E23: invisible text, foreign traces, and what browsers are told about every response."""

from __future__ import annotations

from typing import Final

import grpc
import httpx
import pytest

from tests.attacks.conftest import Victim
from tests.attacks.wire import answers

SHOP: Final = "https://shop.example"


@pytest.mark.parametrize(
    "title",
    [
        "a\0b",
        "safe\u202egnp.exe",
        "\u2066hidden\u2069",
        "bell\x07",
        "line\u2028two",
        "\U000e0fff",
        "tab\tstop",
    ],
)
def test_a_title_without_a_shape_is_refused_at_both_servers(victim: Victim, title: str) -> None:
    with victim.client() as client:
        answer = client.post("/v1/invoices", json={"title": title})
        assert answer.status_code == (400 if "\0" in title else 422), answer.text
    encoded = title.encode()
    with grpc.insecure_channel(victim.deployment.grpc) as channel:
        call = channel.unary_unary("/acme.billing.v1.BillingService/CreateInvoice", None, None)
        with pytest.raises(grpc.RpcError) as refused:
            call(
                b"\x12" + bytes([len(encoded)]) + encoded,
                metadata=(("authorization", f"Bearer {victim.token}"),),
                timeout=20,
            )
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_titles_in_any_language_are_kept(victim: Victim) -> None:
    with victim.client() as client:
        for title in ("课程　一", "می\u200cخواهم", "👩\u200d💻 Café", "שלום עולם", "a\\u0000b"):
            assert client.post("/v1/invoices", json={"title": title}).json()["title"] == title


def test_every_response_is_kept_from_caches_frames_and_guesses(closed: Victim) -> None:
    bearer = {"authorization": f"Bearer {closed.token}"}
    with httpx.Client(base_url=closed.rest, timeout=20) as client:
        for path, headers in (("/v1/tally", bearer), ("/v1/tally", {}), ("/nothing", {}), ("/healthz", {})):
            found = client.get(path, headers=headers | {"x-forwarded-for": f"192.0.2.{len(path)}"}).headers
            assert found["cache-control"] == "no-store"
            assert found["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in found["content-security-policy"]
            assert found["referrer-policy"] == "no-referrer"
            assert "strict-transport-security" not in found
        secure = bearer | {"x-forwarded-proto": "https"}
        found = client.get("/v1/tally", headers=secure).headers
        assert found["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("sent", ["no request", "GET / HTTP/1.1", "GET / HTTP/3.0\r\nhost: x"])
def test_the_refusal_of_what_is_no_request_has_these_headers_too(closed: Victim, sent: str) -> None:
    with closed.connect() as connection:
        connection.sendall(f"{sent}\r\n\r\n".encode())
        [answer] = answers(connection)
    assert answer.status in (400, 505)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_pages_of_allowed_origins_read_responses_and_errors_and_others_do_not(closed: Victim) -> None:
    bearer = {"authorization": f"Bearer {closed.token}"}
    with httpx.Client(base_url=closed.rest, timeout=20) as client:
        for path, headers in (
            ("/v1/tally", bearer),
            ("/v1/tally", {}),
            ("/v1/nothing", {"x-forwarded-for": "192.0.2.201"}),
        ):
            found = client.get(path, headers=headers | {"origin": SHOP}).headers
            assert found["access-control-allow-origin"] == SHOP
            assert found["access-control-allow-credentials"] == "true"
            assert {"etag", "x-request-id", "retry-after"} <= set(
                found["access-control-expose-headers"].split(", ")
            )
            assert "Origin" in found["vary"]
            for origin in ("https://evil.example", f"{SHOP}.evil.example", "null", "HTTPS://SHOP.EXAMPLE"):
                other = client.get(
                    path, headers=headers | {"origin": origin, "x-forwarded-for": f"10.2.2.{len(origin)}"}
                )
                assert (
                    "access-control-allow-origin" not in other.headers and "Origin" in other.headers["vary"]
                )
        asked = {
            "origin": SHOP,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization",
        }
        preflight = client.options("/v1/invoices", headers=asked)
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["access-control-allow-methods"].split(", ")
        assert {"authorization", "content-type"} <= set(
            preflight.headers["access-control-allow-headers"].split(", ")
        )
        assert preflight.headers["access-control-allow-origin"] == SHOP
        closing = client.options("/v1/invoices/1/close", headers=asked)
        assert "if-match" in closing.headers["access-control-allow-headers"]
        other = client.options("/v1/invoices", headers=asked | {"origin": "https://evil.example"})
        assert "access-control-allow-methods" not in other.headers


@pytest.mark.prove
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CORS_ORIGINS": '["*"]', "CORS_CREDENTIALS": "true"}, "without credentials"),
        ({"CORS_ORIGINS": '["https://shop.example/"]'}, "without a path"),
        ({"TRUSTED_PROXIES": '["proxy"]'}, "proxy"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_start(
    closed: Victim, settings: dict[str, str], said: str
) -> None:
    with closed.deployment.started("api", REST_PORT="0", **settings) as role:
        assert role.process.wait(60) != 0
    assert said in role.said()
