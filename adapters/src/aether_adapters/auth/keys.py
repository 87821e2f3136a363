"""Keys that sign and verify tokens: which are accepted, with which algorithm, and what a published set holds."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Final

import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from aether_adapters.auth.metrics import IGNORED

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS: Final = frozenset({"RS256", "ES256", "EdDSA"})
"""Accepted signature algorithms. None uses a shared secret: whoever verifies must not be able to sign."""
_RSA_BITS: Final = range(2048, 8192 + 1)
"""At least what RFC 7518, section 3.3, demands; the time that a signature check takes grows with the size."""
_MAX_KEYS: Final = 100
"""Keys of one set that are read; an issuer publishes two or three."""
_MAX_KID_CHARACTERS: Final = 256
_THUMBPRINT_MEMBERS: Final = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
"""The members of a key that its thumbprint covers, in order (RFC 7638 section 3.2, RFC 8037 section 2)."""
_LOG: Final = structlog.get_logger("aether.tokens")


def algorithm_of(key: object) -> str | None:
    """Return the only algorithm that `key` may be used with; None for an unsupported key.

    It depends on the key and never on a token's header, which an attacker can choose.
    """
    match key:
        case rsa.RSAPublicKey() | rsa.RSAPrivateKey() if key.key_size in _RSA_BITS:
            return "RS256"
        case ec.EllipticCurvePublicKey() | ec.EllipticCurvePrivateKey() if isinstance(
            key.curve, ec.SECP256R1
        ):
            return "ES256"
        case ed25519.Ed25519PublicKey() | ed25519.Ed25519PrivateKey():
            return "EdDSA"
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and its algorithm."""

    public_key: PublicKey
    algorithm: str


def read_keys(data: bytes, key_set: str, *, counts: bool = True) -> dict[str, Key]:
    """Return the signature keys of a JWK set (RFC 7517), by key id, or a public key (PEM) under its thumbprint.

    Raises `ValueError` if it is neither.
    A key that cannot be used is left out, and logged and counted under the name `key_set` if this reading `counts`; one
    for another use or of another type is passed over silently (section 5). Of two keys with one id the first is used.
    """
    if data.startswith(b"-----BEGIN "):
        return _read_pem(data)
    try:
        entries = json.loads(data)["keys"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"no JWK set: {type(error).__name__}") from error
    if not isinstance(entries, list):
        raise ValueError("no JWK set: its keys are not a list")
    if len(entries) > _MAX_KEYS:
        _LOG.warning("key set is cut", key_set=key_set, keys=len(entries), used=_MAX_KEYS)
    found: dict[str, Key] = {}
    for entry in entries[:_MAX_KEYS]:
        kid = entry.get("kid") if isinstance(entry, dict) else None
        try:
            key = _read_key(entry)
            if key is None:
                continue
            if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID_CHARACTERS:
                raise _Unusable("no id")
            if kid in found:
                raise _Unusable("repeated id")
        except _Unusable as error:
            if counts:
                ignored(key_set, kid, str(error))
        else:
            found[kid] = key
    return found


def _read_pem(data: bytes) -> dict[str, Key]:
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("no public key (PEM); `openssl pkey -pubout` writes one") from error
    algorithm = algorithm_of(key)
    if algorithm is None:
        raise ValueError("the public key is weak or of an unsupported type; use RSA, P-256 or Ed25519")
    return {_thumbprint(key): Key(key, algorithm)}  # type: ignore[arg-type] # it has an algorithm


def ignored(key_set: str, kid: object, reason: str) -> None:
    """Log and count a key of `key_set` that is not used."""
    IGNORED.labels(key_set, reason).inc()
    _LOG.warning("key ignored", key_set=key_set, kid=repr(kid)[:_MAX_KID_CHARACTERS], reason=reason)


class _Unusable(Exception):
    """The key cannot be used; the text says why, in a few words that also label the metric."""


def _read_key(entry: object) -> Key | None:
    """Return the key of an entry, or None if it is not meant for signatures."""
    if not isinstance(entry, dict):
        raise _Unusable("unreadable")
    if entry.get("use", "sig") != "sig" or str(entry.get("kty")) not in _THUMBPRINT_MEMBERS:
        return None
    if "d" in entry:
        raise _Unusable("private key")
    try:
        key = jwt.PyJWK(entry).key
    except Exception as error:
        # What a stranger publishes raises errors of several libraries, and one bad key must not cost the others.
        raise _Unusable("unreadable") from error
    algorithm = algorithm_of(key)
    if algorithm is None:
        raise _Unusable("weak or unsupported")
    if entry.get("alg", algorithm) != algorithm:
        raise _Unusable("other algorithm")
    return Key(key, algorithm)


def thumbprint(private_key: bytes) -> str:
    """Return the key id of a PEM private key (RFC 7638). Raises `ValueError` for an unsupported key type."""
    return _thumbprint(serialization.load_pem_private_key(private_key, password=None).public_key())


def _thumbprint(public: object) -> str:
    match public:
        case rsa.RSAPublicKey():
            jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            jwk = ECAlgorithm.to_jwk(public, as_dict=True)
        case ed25519.Ed25519PublicKey():
            jwk = OKPAlgorithm.to_jwk(public, as_dict=True)
        case _:
            raise ValueError(f"{type(public).__name__} cannot sign tokens; use an RSA, EC or Ed25519 key")
    text = json.dumps({name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
