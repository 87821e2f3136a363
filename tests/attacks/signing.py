"""Keys and hand-made tokens of an attacker, and the two servers that must refuse them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import httpx
import jwt
from aether_tools.workspace import ISSUER
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.attacks.conftest import Victim

AUDIENCE: Final = "acme"
_LIST: Final = "/acme.billing.v1.BillingService/ListInvoices"


@dataclass(frozen=True, slots=True)
class Signer:
    """A P-256 key with an id, and whatever tokens it signs."""

    kid: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, Any]:
        """Its public half, as a key set publishes it."""
        return {**ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": self.kid, "use": "sig"}

    def key_set(self, *more: object) -> str:
        """Return a key set of `more` entries and this key."""
        return json.dumps({"keys": [*more, self.jwk]})

    def token(
        self, subject: str = "ada", header: Mapping[str, object] | None = None, **claims: object
    ) -> str:
        """Sign a token; `header` and `claims` replace those of a valid one, and None leaves one out."""
        now = time.time()
        good = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": int(now), "exp": int(now + 300)}
        heading = {"kid": self.kid, "typ": "at+jwt", **(header or {})}
        return jwt.encode(
            {name: value for name, value in {**good, **claims}.items() if value is not None},
            self.key,
            "ES256",
            headers={name: value for name, value in heading.items() if value is not None},
        )


def answers(victim: Victim, token: str) -> tuple[int, grpc.StatusCode]:
    """Return what both servers answer to a call with `token`: the HTTP status, and gRPC's."""
    authorization = f"Bearer {token}"
    status = httpx.get(
        f"{victim.rest}/v1/invoices", headers={"authorization": authorization}, timeout=20
    ).status_code
    with grpc.insecure_channel(victim.deployment.grpc) as channel:
        try:
            call = channel.unary_unary(_LIST, bytes, bytes)
            call(b"", metadata=(("authorization", authorization),), timeout=20)
        except grpc.RpcError as error:
            return status, error.code()
    return status, grpc.StatusCode.OK
