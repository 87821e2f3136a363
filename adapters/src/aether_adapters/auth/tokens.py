"""Bearer tokens: signed JWTs (RFC 7519), verified with published keys (RFC 7517).

Verifying a signature takes 100 µs, so the result is cached until the token expires, its session or subject is
revoked, or its key is withdrawn.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import jwt
import structlog

from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.auth.issuing import TOKEN_TYPE, Issuer
from aether_adapters.auth.key_sets import KeySet, TrustedKey
from aether_adapters.auth.keys import ALGORITHMS
from aether_adapters.kernel.errors import Unauthenticated
from aether_adapters.kernel.identity import Identity

__all__ = ["MAX_TOKEN_LIFETIME_SECONDS", "DevelopmentKeys", "Issuer", "KeySet", "Verifier"]

MAX_TOKEN_LIFETIME_SECONDS: Final = 24 * 3600.0
"""Maximum lifetime of a token that any verifier may accept, and so the longest time that a revocation is kept."""
_MAX_NAME_CHARACTERS: Final = 255
"""Of a subject (OpenID Connect Core 1.0, section 2), a session or a role. They go into databases, logs and other
services, so they hold no line break, NUL, lone surrogate or invisible character either."""
_MAX_SHOWN_CHARACTERS: Final = 100
_LOG: Final = structlog.get_logger("aether.tokens")


@dataclass(frozen=True, slots=True)
class _Verified:
    identity: Identity
    issued_at: float


class Verifier:
    """Turns a bearer token into an `Identity`. Thread-safe; never waits for a server.

    A token must be an access token (`typ`, RFC 9068, unless the grant says otherwise) that is signed by one of `keys`
    with that key's algorithm, and claim no more than that key's `Grant` allows: `issuer` is the issuer for a grant that
    names none. It must name one of `audience` and a subject, be valid now, and live at most `life_seconds`. Scopes are
    those of the OAuth `scope` claim (RFC 8693). The results of up to `cache_size` tokens are cached by SHA-256; 0
    disables the cache.
    `leeway_seconds` is the tolerated clock difference.
    """

    def __init__(
        self,
        keys: KeySet,
        issuer: str,
        audience: str | Iterable[str],
        cache_size: int = 10_000,
        *,
        leeway_seconds: float = 5.0,
        life_seconds: float = MAX_TOKEN_LIFETIME_SECONDS,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = [audience] if isinstance(audience, str) else list(audience)
        self._size = cache_size
        # Up to this size no entry is evicted soon, so the order of use need not be kept.
        self._unordered_size = cache_size // 2
        self._leeway = leeway_seconds
        self._life = life_seconds
        self._wait_for: Callable[[], None] | None = None
        self._guard = threading.Lock()
        self._known: OrderedDict[bytes, _Verified] = OrderedDict()
        self._generation = keys.generation
        self._subjects: dict[str, float] = {}
        self._sessions: dict[str, float] = {}

    def __call__(self, token: str) -> Identity:
        """Return the identity of a valid token; raises `Unauthenticated`."""
        fingerprint = _fingerprint(token)
        known = self._fresh(fingerprint)
        if known is not None:
            return known.identity
        with self._guard:
            known = self._known.get(fingerprint)
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

    def probe(self) -> None:
        """Raise `Unavailable` if tokens cannot be verified yet."""
        self._keys.probe()

    def wait_for(self, revocations: Callable[[], None]) -> None:
        """Refuse every token until `revocations` returns; it raises `Unavailable` until past ones have been heard.

        Call this before the first token.
        """
        self._wait_for = revocations

    def known(self, token: str, /) -> Identity | None:
        """Return the identity of a token that was verified before and is still valid, without any work; else None."""
        known = self._fresh(_fingerprint(token))
        return None if known is None else known.identity

    def _fresh(self, fingerprint: bytes) -> _Verified | None:
        # Read without the lock, so that known tokens do not wait for it: the lookup is atomic, and `revoke`
        # deletes entries.
        known = self._known.get(fingerprint)
        if (
            known is None
            or self._generation != self._keys.generation
            or time.time() >= known.identity.expires_at
        ):
            return None
        if len(self._known) > self._unordered_size:
            self._mark_used(fingerprint)
        return known

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
            forgotten = time.time() - self._life - 2 * self._leeway
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
        trusted = self._key_of(token)
        grant = trusted.grant
        try:
            claims = jwt.decode(
                token,
                trusted.key.public_key,
                algorithms=[trusted.key.algorithm],
                issuer=grant.issuer or self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
            known = _known(claims, grant.roles_in(claims))
            if known.identity.expires_at - known.issued_at > self._life:
                raise _LivesTooLong
        except (jwt.InvalidTokenError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            told = _reason(error, self._life)
            raise Unauthenticated(told, reason=f"{told} ({type(error).__name__.lstrip('_')})") from error
        identity = known.identity
        if not grant.allows(
            identity.subject, service=identity.service, roles=identity.roles, scopes=identity.scopes
        ):
            # The holder of a trusted key signed this: somebody must look at it.
            shown = repr((identity.subject, *identity.roles))[:_MAX_SHOWN_CHARACTERS]
            _LOG.warning("key signed more than it may", key_set=trusted.key_set, subject_and_roles=shown)
            raise Unauthenticated("The token claims more than its key may sign.")
        wait_for = self._wait_for
        if wait_for is not None:
            wait_for()
            self._wait_for = None
        return known

    def _key_of(self, token: str) -> TrustedKey:
        """Return the key that the token's header names; raises `Unauthenticated` if the header is not acceptable."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise Unauthenticated("The token is malformed.") from error
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise Unauthenticated("The token is signed with an algorithm that is not accepted.")
        if "crit" in header:
            # RFC 7515, section 4.1.11: whoever does not understand an extension must refuse the token.
            raise Unauthenticated("The token uses an extension that is not supported.")
        kid = header.get("kid")
        if not isinstance(kid, str) or not kid:
            raise Unauthenticated("The token does not name its key (kid).")
        trusted = self._keys.find(kid)
        if trusted is None:
            raise Unauthenticated("The token is signed with a key this service does not know.")
        kind = str(header.get("typ")).lower().removeprefix("application/")
        if kind != TOKEN_TYPE and not (kind == "jwt" and trusted.grant.plain_jwt):
            raise Unauthenticated(f"The token is not an access token; its typ must be {TOKEN_TYPE}.")
        return trusted


def _fingerprint(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _known(claims: Mapping[str, object], roles: object) -> _Verified:
    issued_at, expires_at = (float(str(claims[name])) for name in ("iat", "exp"))
    subject, session = (_name(claims.get(name, "")) for name in ("sub", "sid"))
    scope = claims.get("scope")
    if not subject:
        raise jwt.InvalidTokenError("names nobody")
    return _Verified(
        Identity(
            subject=subject,
            roles=tuple(map(_name, roles)) if isinstance(roles, list) else (),
            scopes=frozenset(scope.split()) if isinstance(scope, str) else frozenset(),
            session=session,
            service=claims.get("svc") is True,
            expires_at=expires_at,
        ),
        issued_at,
    )


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > _MAX_NAME_CHARACTERS:
        raise jwt.InvalidTokenError("not a name")
    return value


def _reason(error: Exception, life: float) -> str:
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
            return f"The token's lifetime exceeds the maximum of {life:g} seconds."
        case jwt.MissingRequiredClaimError():
            return f"The token lacks the claim {error.claim}."
        case _:
            return "The token is malformed."


class _LivesTooLong(jwt.InvalidTokenError):
    """The token would outlive the record of its revocation."""
