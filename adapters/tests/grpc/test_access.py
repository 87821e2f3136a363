"""Tests of access control on the gRPC server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import grpc
import jwt
import pytest
from aether_adapters.auth.development import KeyPair
from aether_adapters.auth.tokens import DevelopmentKeys, Issuer
from aether_adapters.grpc import Bound, Channel, Server, Service
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.identity import TOKEN, Verify
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.observability.health import Health
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Start = Callable[..., Server]
Connect = Callable[..., Channel]


def _refusal(call: Callable[[], Any]) -> tuple[Kind, str]:
    with pytest.raises(RemoteError) as refused:
        call()
    return refused.value.kind, refused.value.problem.detail


def test_a_method_for_callers_needs_a_token(probe: SimpleNamespace, start: Start, connect: Connect) -> None:
    ask = connect(start()).bind(probe.methods.ask)
    assert _refusal(lambda: ask(probe.AskRequest(text=""))) == (
        Kind.UNAUTHENTICATED,
        "This method needs a bearer token.",
    )


def test_a_public_method_answers_anyone_even_with_an_invalid_token(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    server = start()
    assert connect(server).bind(probe.methods.ping)(probe.PlainRequest(text="a")).text == "a"
    stale = connect(server, token=lambda: "rubbish").bind(probe.methods.ping)
    assert stale(probe.PlainRequest(text="b")).text == "b"


def test_a_method_for_services_refuses_people(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    server, request = start(), probe.PlainRequest(text="now")
    person = connect(server, token=lambda: issuer.issue("ada", ("admin",))).bind(probe.methods.reindex)
    assert _refusal(lambda: person(request)) == (
        Kind.FORBIDDEN,
        "This operation is for services only.",
    )
    service = connect(server, token=lambda: issuer.issue("trade", service=True)).bind(probe.methods.reindex)
    assert service(request).text == "now"


def test_a_method_with_scopes_refuses_tokens_without_them(
    probe: SimpleNamespace, verify: Verify, connect: Connect, issuer: Issuer
) -> None:
    look = replace(probe.methods.look, scopes=frozenset({"read", "count"}))
    bound = Bound(look, lambda request: probe.Answer(text=request.caller.subject))
    server = Server(
        [Service("probe.v1.ProbeService", (bound,))],
        errors=probe.errors,
        verify=verify,
        health=Health({}),
        address="127.0.0.1:0",
    )
    server.start()
    try:

        def ask(*scopes: str) -> Any:
            token = issuer.issue("ada", scopes=scopes)
            return connect(server, token=lambda: token).bind(look)(probe.AskRequest(text=""))

        forbidden = Kind.FORBIDDEN
        assert _refusal(lambda: ask()) == (forbidden, "The token lacks a scope: count read.")
        assert _refusal(lambda: ask("read")) == (forbidden, "The token lacks a scope: count.")
        assert _refusal(lambda: ask("count", "reads")) == (forbidden, "The token lacks a scope: read.")
        assert ask("more", "read", "count").text == "ada"
    finally:
        server.stop(0)


@pytest.mark.parametrize("name", ["look", "reindex"])
@pytest.mark.parametrize(
    ("services", "allowed"),
    [
        (frozenset[str](), {"reindex": {"acme-shop", "acme-mail"}, "look": set[str]()}),
        (frozenset({"acme-shop"}), {"reindex": {"acme-shop"}, "look": {"acme-shop"}}),
        (frozenset({"*"}), {"look": {"acme-shop", "acme-mail"}, "reindex": {"acme-shop", "acme-mail"}}),
    ],
)
def test_the_contract_says_which_services_may_call_a_method(
    probe: SimpleNamespace,
    verify: Verify,
    connect: Connect,
    issuer: Issuer,
    name: str,
    services: frozenset[str],
    allowed: dict[str, set[str]],
) -> None:
    """A user never calls one for services, and always one for callers."""
    method = replace(getattr(probe.methods, name), services=services)
    request = probe.AskRequest(text="") if name == "look" else probe.PlainRequest(text="")
    bound = Bound(
        method,
        lambda asked: probe.Answer(
            text=getattr(asked, "caller", probe.Caller(subject="", session="")).subject
        ),
    )
    server = Server(
        [Service("probe.v1.ProbeService", (bound,))],
        errors=probe.errors,
        verify=verify,
        health=Health({}),
        address="127.0.0.1:0",
    )
    server.start()
    try:
        for subject in ("acme-shop", "acme-mail"):
            token = issuer.issue(subject, service=True)
            call = connect(server, token=lambda token=token: token).bind(method)
            if subject in allowed[name]:
                assert call(request).text == (subject if name == "look" else "")
            else:
                refused = (Kind.FORBIDDEN, f"The service {subject} may not call this operation.")
                assert _refusal(partial(call, request)) == refused
        user = connect(server, token=lambda: issuer.issue("acme-shop")).bind(method)
        if name == "look":
            assert user(request).text == "acme-shop"
        else:
            assert _refusal(lambda: user(request)) == (
                Kind.FORBIDDEN,
                "This operation is for services only.",
            )
    finally:
        server.stop(0)


def test_a_public_method_cannot_require_scopes(probe: SimpleNamespace, verify: Verify) -> None:
    ping = Bound(replace(probe.methods.ping, scopes=frozenset({"read"})), lambda request: request)
    with pytest.raises(ValueError, match="Ping: a public method cannot require scopes"):
        Server(
            [Service("probe.v1.ProbeService", (ping,))],
            errors=probe.errors,
            verify=verify,
            health=Health({}),
            address="127.0.0.1:0",
        )


def test_untrusted_tokens_are_refused_with_the_reason(
    probe: SimpleNamespace,
    start: Start,
    connect: Connect,
    issuer: Issuer,
    pair: KeyPair,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Expired, another audience, unknown key, unsigned, signed with the public key as HMAC secret."""
    stranger = DevelopmentKeys(tmp_path_factory.mktemp("stranger")).ensure()
    public = jwt.PyJWKSet.from_json(pair.jwks.read_text()).keys[0].key
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    tokens = {
        issuer.issue("ada", seconds=-60): "The token has expired; get a new one.",
        Issuer(pair.private_key, "https://id.test", "other", pair.kid).issue(
            "ada"
        ): "The token is meant for another audience.",
        Issuer(pair.private_key, "https://evil.test", "probe", pair.kid).issue(
            "ada"
        ): "The token comes from another issuer.",
        Issuer(stranger.private_key, "https://id.test", "probe", pair.kid).issue(
            "ada"
        ): "The token's signature does not match.",
        Issuer(stranger.private_key, "https://id.test", "probe", stranger.kid).issue(
            "ada"
        ): "The token is signed with a key this service does not know.",
        _forged({"alg": "none", "kid": pair.kid}, b""): (
            "The token is signed with an algorithm that is not accepted."
        ),
        _forged({"alg": "HS256", "kid": pair.kid}, secret): (
            "The token is signed with an algorithm that is not accepted."
        ),
        "no.jwt": "The token is malformed.",
    }
    server, request = start(), probe.AskRequest(text="")
    for token, reason in tokens.items():
        ask = connect(server, token=partial(str, token)).bind(probe.methods.ask)
        assert _refusal(partial(ask, request)) == (Kind.UNAUTHENTICATED, reason)


def _forged(header: dict[str, str], secret: bytes) -> str:
    now = int(time.time())
    claims = {
        "iss": "https://id.test",
        "aud": "probe",
        "sub": "root",
        "iat": now,
        "exp": now + 300,
    }
    signed = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    )
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret else b""
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_a_service_forwards_the_token_of_the_request_it_serves(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """The second of two chained servers sees the original caller, not the first server."""
    onward = connect(start()).bind(probe.methods.ask)
    gateway = start(look=lambda request: onward(request))
    look = connect(gateway, token=lambda: issuer.issue("ada", ("admin",), "s-9")).bind(probe.methods.look)
    assert look(probe.AskRequest(text="x")).caller == probe.Caller(
        subject="ada", roles=("admin",), session="s-9"
    )
    assert TOKEN.get() is None


def test_a_token_of_another_scheme_is_ignored(
    probe: SimpleNamespace, pb: Any, start: Start, issuer: Issuer
) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{start().port}") as raw:
        call = raw.unary_unary(probe.methods.ask.path, None, None)
        with pytest.raises(grpc.RpcError) as refused:
            call(
                pb.AskRequest().SerializeToString(),
                metadata=(("authorization", f"Basic {issuer.issue('ada')}"),),
                timeout=5,
            )
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_with_hundreds_of_roles_fits(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """By default gRPC randomly refuses metadata above 8 KiB and always above 16 KiB."""
    roles = tuple(f"role-number-{number}" for number in range(1000))
    token = issuer.issue("ada", roles)
    assert len(token) > 20_000
    ask = connect(start(), token=lambda: token).bind(probe.methods.ask)
    assert ask(probe.AskRequest(text="")).caller.roles == roles
