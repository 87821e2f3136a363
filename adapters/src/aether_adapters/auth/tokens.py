"""Bearer tokens: signed JWTs (RFC 7519), verified with published keys (RFC 7517).

Verifying a signature takes 100 µs, so the result is cached until the token expires, its session or subject is
revoked, or its key is withdrawn.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aether_adapters.auth.key_sets import ALGORITHMS, DevelopmentKeys, KeySet, algorithm_of
from aether_adapters.kernel.errors import Unauthenticated
from aether_adapters.kernel.identity import Identity

__all__ = ["MAX_TOKEN_LIFETIME_SECONDS", "DevelopmentKeys", "Issuer", "KeySet", "Verifier"]

MAX_TOKEN_LIFETIME_SECONDS: Final = 24 * 3600.0
"""Maximum lifetime of a token, and so the time that a revocation must be kept."""


@dataclass(frozen=True, slots=True)
class _Verified:
    identity: Identity
    issued_at: float


class Verifier:
    """Turns a bearer token into an `Identity`. Thread-safe.

    A token must be signed by one of `keys` with that key's algorithm, come from `issuer`, name `audience` and
    a subject, be valid now, and live at most `MAX_TOKEN_LIFETIME_SECONDS`. Scopes are those of the OAuth
    `scope` claim (RFC 8693). The results of up to `cache_size` tokens are cached by SHA-256; 0 disables the
    cache. `leeway` is the tolerated clock difference in seconds.
    """

    def __init__(
        self, keys: KeySet, issuer: str, audience: str, cache_size: int = 10_000, *, leeway: float = 5.0
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._size = cache_size
        # Up to this size no entry is evicted soon, so the order of use need not be kept.
        self._unordered_size = cache_size // 2
        self._leeway = leeway
        self._guard = threading.Lock()
        self._known: OrderedDict[bytes, _Verified] = OrderedDict()
        self._generation = keys.generation
        self._subjects: dict[str, float] = {}
        self._sessions: dict[str, float] = {}

    def __call__(self, token: str) -> Identity:
        """Return the identity of a valid token; raises `Unauthenticated`."""
        fingerprint = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        # Read without the lock, so that known tokens do not wait for it: the lookup is atomic, and `revoke`
        # deletes entries.
        known = self._known.get(fingerprint)
        if (
            known is not None
            and self._generation == self._keys.generation
            and time.time() < known.identity.expires_at
        ):
            if len(self._known) > self._unordered_size:
                self._mark_used(fingerprint)
            return known.identity
        with self._guard:
            if self._generation != self._keys.generation:
                # A withdrawn key invalidates its tokens.
                self._known.clear()
                self._generation = self._keys.generation
            elif known is not None:
                self._known.pop(fingerprint, None)
            generation = self._generation
        known = self._verify(token)
        with self._guard:
            # Checked again: a revocation may have come while the signature was verified.
            if self._revoked(known):
                raise Unauthenticated("The token was revoked; sign in again.")
            if self._size and generation == self._keys.generation:
                self._known[fingerprint] = known
                if len(self._known) > self._size:
                    self._known.popitem(last=False)
        return known.identity

    def revoke(
        self, *, session: str | None = None, subject: str | None = None, before: float | None = None
    ) -> None:
        """Refuse tokens of `session` or `subject` issued at or before `before` (Unix time; None is now)."""
        moment = time.time() if before is None else before
        with self._guard:
            if session is not None:
                self._sessions[session] = max(moment, self._sessions.get(session, moment))
            if subject is not None:
                self._subjects[subject] = max(moment, self._subjects.get(subject, moment))
            for fingerprint in [key for key, known in self._known.items() if self._revoked(known)]:
                del self._known[fingerprint]
            # Tokens issued before this moment have expired, so their revocations can be dropped.
            forgotten = time.time() - MAX_TOKEN_LIFETIME_SECONDS - 2 * self._leeway
            for revocations in (self._sessions, self._subjects):
                for name in [name for name, at in revocations.items() if at < forgotten]:
                    del revocations[name]

    def _mark_used(self, fingerprint: bytes) -> None:
        with self._guard:
            if fingerprint in self._known:
                self._known.move_to_end(fingerprint)

    def _revoked(self, known: _Verified) -> bool:
        subject = self._subjects.get(known.identity.subject)
        session = self._sessions.get(known.identity.session) if known.identity.session else None
        return any(at is not None and known.issued_at <= at for at in (subject, session))

    def _verify(self, token: str) -> _Verified:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Unauthenticated("The token is malformed.") from error
        if header.get("alg") not in ALGORITHMS:
            raise Unauthenticated("The token is signed with an algorithm that is not accepted.")
        key = self._keys.find(header.get("kid"))
        if key is None:
            raise Unauthenticated("The token is signed with a key this service does not know.")
        try:
            claims = jwt.decode(
                token,
                key.public_key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
            return _known(claims)
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise Unauthenticated(_reason(error)) from error


def _known(claims: Mapping[str, object]) -> _Verified:
    issued_at, expires_at = (float(str(claims[name])) for name in ("iat", "exp"))
    if expires_at - issued_at > MAX_TOKEN_LIFETIME_SECONDS:
        raise _LivesTooLong
    subject, session, roles, scope = (claims.get(name, "") for name in ("sub", "sid", "roles", "scope"))
    if not isinstance(subject, str) or not subject or not isinstance(session, str):
        raise jwt.InvalidTokenError("names nobody")
    return _Verified(
        Identity(
            subject=subject,
            roles=tuple(str(role) for role in roles) if isinstance(roles, list) else (),
            scopes=frozenset(scope.split()) if isinstance(scope, str) else frozenset(),
            session=session,
            service=claims.get("svc") is True,
            expires_at=expires_at,
        ),
        issued_at,
    )


def _reason(error: Exception) -> str:
    """Tell the caller why the token was refused, but not what would have been accepted."""
    match error:
        case jwt.ExpiredSignatureError():
            return "The token has expired; get a new one."
        case jwt.ImmatureSignatureError():
            return "The token is not valid yet."
        case jwt.InvalidAudienceError():
            return "The token is meant for another audience."
        case jwt.InvalidIssuerError():
            return "The token comes from another issuer."
        case jwt.InvalidSignatureError() | jwt.InvalidAlgorithmError() | jwt.InvalidKeyError():
            return "The token's signature does not match."
        case _LivesTooLong():
            return f"The token's lifetime exceeds the maximum of {MAX_TOKEN_LIFETIME_SECONDS / 3600:g} hours."
        case jwt.MissingRequiredClaimError():
            return f"The token lacks the claim {error.claim}."
        case _:
            return "The token is malformed."


class _LivesTooLong(jwt.InvalidTokenError):
    """The token would outlive the record of its revocation."""


class Issuer:
    """Signs tokens with `private_key` (PEM) and the algorithm of its type.

    For services that sign in users, for development and for tests. Raises `ValueError` for an unsupported
    key.
    """

    def __init__(self, private_key: str | bytes, issuer: str, audience: str, kid: str) -> None:
        pem = private_key.encode() if isinstance(private_key, str) else private_key
        self._key = load_pem_private_key(pem, password=None)
        self._issuer = issuer
        self._audience = audience
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
        return jwt.encode(claims, self._key, self._algorithm, headers={"kid": self._kid})  # type: ignore[arg-type]
