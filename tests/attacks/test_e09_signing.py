"""E9: a key signs only what its set was declared for, and nothing but an access token is accepted."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final

import grpc
import pytest

from tests.attacks.conftest import Victim, victim_of
from tests.attacks.signing import Signer, answers
from tests.support.acme import Acme

ACCEPTED = (200, grpc.StatusCode.OK)
REFUSED = (401, grpc.StatusCode.UNAUTHENTICATED)
RUBBISH: Final[tuple[object, ...]] = (
    None,
    "x",
    7,
    {},
    {"kty": {"EC": 1}, "kid": "users"},
    {"kty": "EC", "kid": "users", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "RSA", "kid": ["users"], "n": "AQAB", "e": "AQAB"},
)
"""Entries of a key set that are no usable key (E23); the keys beside them stay valid."""


@dataclass(frozen=True, slots=True)
class Trust:
    """A victim, and the keys that it was told to trust: for customers, for the service trade, for another issuer."""

    victim: Victim
    users: Signer
    trade: Signer
    partner: Signer
    rival: Signer
    customer: Signer
    """Its key is found through the discovery document of `issuer`."""
    issuer: str


@contextmanager
def identity_provider(signer: Signer) -> Iterator[str]:
    """Serve the discovery document and the keys of an OpenID Connect issuer; yield its URL."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = json.dumps({"issuer": url, "jwks_uri": f"{url}/keys"})
            body = (document if self.path.endswith("/openid-configuration") else signer.key_set()).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = HTTPServer(("127.0.0.1", 0), Pages)
    url = f"http://127.0.0.1:{server.server_port}/realm"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def trust(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trust]:
    folder = tmp_path_factory.mktemp("e09")
    users, trade, partner = Signer("users"), Signer("trade"), Signer("partner")
    rival = Signer("users")
    (folder / "users.json").write_text(users.key_set(*RUBBISH))
    (folder / "trade.json").write_text(trade.key_set(rival.jwk))
    (folder / "partner.json").write_text(partner.key_set())
    jwks = (
        f"{folder}/users.json#roles=customer,operator {folder}/trade.json#services=acme-trade "
        f"{folder}/partner.json#issuer=https://partner.example&roles=customer"
    )
    with identity_provider(customer := Signer("idp")) as issuer:
        jwks += f" oidc+{issuer}#roles=customer"
        with victim_of(billing, folder, JWKS=jwks, TOKEN_AUDIENCE="acme acme-billing") as victim:
            yield Trust(victim, users, trade, partner, rival, customer, issuer)


def test_each_set_signs_what_it_was_declared_for(trust: Trust) -> None:
    assert answers(trust.victim, trust.users.token(roles=["operator"])) == ACCEPTED
    theirs = trust.partner.token(iss="https://partner.example", roles=["customer"])
    assert answers(trust.victim, theirs) == ACCEPTED
    assert answers(trust.victim, trust.customer.token(iss=trust.issuer, roles=["customer"])) == ACCEPTED
    # Which operations a service may call is another matter: here it is known.
    assert answers(trust.victim, trust.trade.token("acme-trade", svc=True)) != REFUSED


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda it: it.trade.token("1", roles=["operator"]), id="a service's key, an operator"),
        pytest.param(lambda it: it.trade.token("1"), id="a service's key, a user"),
        pytest.param(lambda it: it.trade.token("acme-trade"), id="a service's key, a user named like it"),
        pytest.param(lambda it: it.trade.token("acme-user", svc=True), id="a service's key, another service"),
        pytest.param(
            lambda it: it.trade.token("acme-trade", svc=True, roles=["x"]), id="a service with a role"
        ),
        pytest.param(
            lambda it: it.trade.token("acme-trade", svc=True, scope="x"), id="a service with a scope"
        ),
        pytest.param(lambda it: it.users.token("acme-trade", svc=True), id="a user key, a service"),
        pytest.param(lambda it: it.users.token(roles=["owner"]), id="a role that the set may not sign"),
        pytest.param(lambda it: it.users.token(roles=["*"]), id="every role"),
        pytest.param(
            lambda it: it.partner.token(iss="https://partner.example", roles=["operator"]),
            id="a partner's operator",
        ),
        pytest.param(lambda it: it.partner.token(roles=["customer"]), id="a partner as our issuer"),
        pytest.param(lambda it: it.users.token(iss="https://partner.example"), id="our key as the partner"),
        pytest.param(
            lambda it: it.customer.token(iss=it.issuer, roles=["operator"]), id="a provider's operator"
        ),
        pytest.param(lambda it: it.customer.token(iss=it.issuer + "/"), id="almost the provider"),
        pytest.param(lambda it: it.customer.token(), id="a provider as our issuer"),
        pytest.param(lambda it: it.users.token(iss=it.issuer), id="our key as the provider"),
        pytest.param(lambda it: it.rival.token(), id="a key under the id of another set's, a user"),
        pytest.param(lambda it: it.rival.token("acme-trade", svc=True), id="the same, a service"),
    ],
)
def test_a_key_that_signs_more_than_it_may_is_refused_at_both_servers(
    trust: Trust, forge: Callable[[Trust], str]
) -> None:
    assert answers(trust.victim, forge(trust)) == REFUSED


@pytest.mark.parametrize(
    "header",
    [
        {"typ": None},
        {"typ": "JWT"},
        {"typ": "logout+jwt"},
        {"typ": ["at+jwt"]},
        {"kid": None},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": []},
    ],
    ids=str,
)
def test_what_is_no_plain_access_token_is_refused_at_both_servers(
    trust: Trust, header: dict[str, object]
) -> None:
    assert answers(trust.victim, trust.users.token(header=header)) == REFUSED


@pytest.mark.parametrize("header", [{"alg": ["ES256"]}, {"alg": {}}, {"alg": None}, {"kid": {}}], ids=str)
def test_a_header_that_anybody_wrote_is_refused_at_both_servers(
    trust: Trust, header: dict[str, object]
) -> None:
    text = json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": trust.users.kid, **header}).encode()
    _, payload, signature = trust.users.token().split(".")
    forged = urlsafe_b64encode(text).decode().rstrip("=")
    assert answers(trust.victim, f"{forged}.{payload}.{signature}") == REFUSED


@pytest.mark.parametrize("subject", ["a\0b", "a\nb", "\ud800", "a" * 256])
def test_a_subject_that_cannot_be_kept_is_refused_at_both_servers(trust: Trust, subject: str) -> None:
    assert answers(trust.victim, trust.users.token(subject)) == REFUSED


@pytest.mark.parametrize(
    ("audience", "answer"),
    [
        ("acme-billing", ACCEPTED),
        (["acme-trade", "acme-billing"], ACCEPTED),
        ("acme-trade", REFUSED),
        (["acme-trade", "acme-user"], REFUSED),
        ("acme acme-billing", REFUSED),
        ([], REFUSED),
    ],
    ids=str,
)
def test_a_token_for_one_service_is_refused_at_another(
    trust: Trust, audience: object, answer: tuple[int, grpc.StatusCode]
) -> None:
    assert answers(trust.victim, trust.users.token(aud=audience)) == answer


def test_the_media_type_of_an_access_token_may_be_written_in_full(trust: Trust) -> None:
    assert answers(trust.victim, trust.users.token(header={"typ": "application/AT+JWT"})) == ACCEPTED


def test_keys_that_are_not_used_are_counted(trust: Trust) -> None:
    with trust.victim.client() as client:
        counted = [line for line in client.get("/metrics").text.splitlines() if "keys_ignored_total{" in line]
    found = {(line.partition('reason="')[2].partition('"')[0], line.rpartition(" ")[2]) for line in counted}
    assert found == {("unreadable", "5.0"), ("id of another set's key", "1.0")}
    assert "key ignored" in trust.victim.process.said()
