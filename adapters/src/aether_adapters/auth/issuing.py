"""Issues tokens."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aether_adapters.auth.keys import algorithm_of

TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - no password
"""The `typ` of an access token (RFC 9068, section 2.1), which tells it from an ID token and other JWTs."""


class Issuer:
    """Signs tokens with `private_key` (PEM) and the algorithm of its type.

    For services that sign in users, for development and for tests. The tokens are meant for each name in `audience`.
    Raises `ValueError` for an unsupported key.
    """

    def __init__(
        self, private_key: str | bytes, issuer: str, audience: str | Sequence[str], kid: str
    ) -> None:
        pem = private_key.encode() if isinstance(private_key, str) else private_key
        self._key = load_pem_private_key(pem, password=None)
        self._issuer = issuer
        self._audience = audience if isinstance(audience, str) else list(audience)
        self._kid = kid
        algorithm = algorithm_of(self._key)
        if algorithm is None:
            raise ValueError("The key cannot sign tokens; use an RSA, P-256 or Ed25519 key.")
        self._algorithm = algorithm

    def issue(
        self,
        subject: str,
        roles: Iterable[str] = (),
        session: str = "",
        seconds: float = 300,
        service: bool = False,
        scopes: Iterable[str] = (),
        now: float | None = None,
    ) -> str:
        """Return a signed token for `subject` that is valid for `seconds`.

        `now` is when the decision to issue it was made (Unix seconds; None means now); later revocations
        apply to it.
        """
        now = time.time() if now is None else now
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "roles": list(roles),
            "sid": session,
            "scope": " ".join(scopes),
            # With milliseconds, so that signing in right after a revocation works; rounded down, never later
            # than `now`.
            "iat": math.floor(now * 1000) / 1000,
            "exp": int(now + seconds),
            "jti": uuid.uuid4().hex,
        }
        if service:
            claims["svc"] = True
        header = {"kid": self._kid, "typ": TOKEN_TYPE}
        return jwt.encode(claims, self._key, self._algorithm, headers=header)  # type: ignore[arg-type]
