"""KeySet that sign and verify tokens: published key sets (RFC 7517) and a development key pair."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Final

import jwt
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from aether_adapters.kernel.errors import TechnicalError, Unavailable

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS: Final = frozenset({"RS256", "ES256", "EdDSA"})
"""Accepted signature algorithms. None uses a shared secret: whoever verifies must not be able to sign."""
_MIN_RSA_BITS: Final = 2048
"""RFC 7518, section 3.3."""
_THUMBPRINT_MEMBERS: Final = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
"""The members of a key that its thumbprint covers, in order (RFC 7638 section 3.2, RFC 8037 section 2)."""
_FETCH_TIMEOUT_SECONDS: Final = 2.0
_MAX_KEY_SET_BYTES: Final = 1024 * 1024
_LOG: Final = structlog.get_logger("aether.tokens")


def algorithm_of(key: object) -> str | None:
    """Return the only algorithm that `key` may be used with; None for an unsupported key.

    It depends on the key and never on a token's header, which an attacker can choose.
    """
    match key:
        case rsa.RSAPublicKey() | rsa.RSAPrivateKey() if key.key_size >= _MIN_RSA_BITS:
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


class KeySet:
    """A published key set, read on first use, when older than `max_age`, and for a token with an unknown key.

    It is read at most once in `pause` seconds, whatever the tokens. While it cannot be read, the previous
    keys stay valid. Times are in seconds.
    """

    def __init__(self, read: Callable[[], bytes], *, pause: float = 10.0, max_age: float = 300.0) -> None:
        self._read = read
        self._pause = pause
        self._max_age = max_age
        self._guard = threading.Lock()
        self._keys: Mapping[str, Key] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self.generation = 0
        """Increases when a key is withdrawn or replaced."""

    @classmethod
    def from_file(cls, path: Path | str, *, pause: float = 1.0, max_age: float = 300.0) -> KeySet:
        """Create a key set that is read from a file."""
        return cls(Path(path).read_bytes, pause=pause, max_age=max_age)

    @classmethod
    def from_url(cls, url: str, *, pause: float = 10.0, max_age: float = 300.0) -> KeySet:
        """Create a key set that is read from an `http(s)://` URL. Raises `ValueError` for any other."""
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"A key set's URL must start with http:// or https://, not like {url!r}.")

        return cls(partial(_fetch, url), pause=pause, max_age=max_age)

    @classmethod
    def from_all(
        cls, addresses: str, *more: Callable[[], bytes], pause: float = 10.0, max_age: float = 300.0
    ) -> KeySet:
        """Combine several key sets: `addresses` are files and URLs separated by spaces, `more` are functions.

        A set that cannot be read keeps its previous keys and does not affect the others.
        """
        reads = [
            partial(_fetch, each) if each.startswith(("http://", "https://")) else Path(each).read_bytes
            for each in addresses.split()
        ]
        return cls(_CombinedSets([*reads, *more]), pause=pause, max_age=max_age)

    def find(self, kid: object) -> Key | None:
        """Return the key named `kid`, or the only key if `kid` is None; None if unknown.

        Raises `Unavailable` if no key set could be read yet.
        """
        now = time.monotonic()
        found = self._lookup(kid)
        if found is None or self._read_at is None or now - self._read_at > self._max_age:
            self._refresh()
            found = self._lookup(kid)
        if found is None and self._read_at is None:
            raise Unavailable(
                "The keys that verify tokens cannot be read; try again.", retry_after=self._pause
            )
        return found

    def _lookup(self, kid: object) -> Key | None:
        keys = self._keys
        if kid is None and len(keys) == 1:
            return next(iter(keys.values()))
        return keys.get(kid) if isinstance(kid, str) else None

    def _refresh(self) -> None:
        with self._guard:
            now = time.monotonic()
            if self._tried_at is not None and now - self._tried_at < self._pause:
                return
            self._tried_at = now
            try:
                keys = _parse(self._read())
            except (OSError, HTTPException, TechnicalError, ValueError, LookupError, TypeError) as error:
                _LOG.warning("key set cannot be read", reason=repr(error))
                return
            if any(keys.get(kid) is None or not _same(keys[kid], key) for kid, key in self._keys.items()):
                self.generation += 1
            self._keys = keys
            self._read_at = now


class _CombinedSets:
    """Reads several key sets as one; keeps the last content of each for when it cannot be read."""

    def __init__(self, reads: Sequence[Callable[[], bytes]]) -> None:
        self._reads = reads
        self._last: dict[int, list[object]] = {}

    def __call__(self) -> bytes:
        """Return the combined set; raises the first error if no set could ever be read."""
        first: Exception | None = None
        for number, read in enumerate(self._reads):
            try:
                self._last[number] = list(json.loads(read())["keys"])
            except (OSError, HTTPException, TechnicalError, ValueError, LookupError, TypeError) as error:
                _LOG.warning("one key set of several cannot be read", number=number, reason=repr(error))
                first = first or error
        if first is not None and not self._last:
            raise first
        return json.dumps({"keys": [key for keys in self._last.values() for key in keys]}).encode()


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_SECONDS) as response:  # noqa: S310 # http(s) only
        data: bytes = response.read(_MAX_KEY_SET_BYTES)
        return data


def _same(one: Key, other: Key) -> bool:
    return one.public_key == other.public_key


def _parse(data: bytes) -> dict[str, Key]:
    """Return the signature keys of a JWK set; skips keys of other types and uses (RFC 7517, section 5)."""
    found: dict[str, Key] = {}
    for entry in json.loads(data)["keys"]:
        if not isinstance(entry, dict):
            raise ValueError("an entry of the key set is not an object")
        if entry.get("use", "sig") != "sig" or entry.get("kty") not in {"RSA", "EC", "OKP"}:
            continue
        try:
            key = jwt.PyJWK(entry).key
        except (jwt.PyJWTError, ValueError, LookupError, TypeError) as error:
            _LOG.warning("key left out of the set", kid=entry.get("kid"), reason=repr(error))
            continue
        algorithm = algorithm_of(key)
        if algorithm is not None and entry.get("alg", algorithm) == algorithm:
            found[entry.get("kid", "")] = Key(key, algorithm)
    return found


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A development key: private key (PEM), key id, and the file of its public key set."""

    private_key: bytes
    kid: str
    jwks: Path


class DevelopmentKeys:
    """A key pair in `folder`, created once and shared by all processes of a developer's machine."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)

    def ensure(self) -> KeyPair:
        """Return the pair; create it if needed. Processes that do so concurrently get the same pair."""
        self._folder.mkdir(parents=True, exist_ok=True)
        private = self._folder / "private.pem"
        if not private.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            _publish(private, pem, replace=False)
        pem = private.read_bytes()
        public = serialization.load_pem_private_key(pem, password=None).public_key()
        assert isinstance(public, rsa.RSAPublicKey)  # noqa: S101 # this class wrote it
        jwk = RSAAlgorithm.to_jwk(public, as_dict=True)
        kid = thumbprint(pem)
        jwks = self._folder / "jwks.json"
        entry = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": jwk["n"], "e": jwk["e"]}
        text = json.dumps({"keys": [entry]}, indent=2).encode() + b"\n"
        if not jwks.exists() or jwks.read_bytes() != text:
            _publish(jwks, text, replace=True)
        return KeyPair(pem, kid, jwks)


def thumbprint(private_key: bytes) -> str:
    """Return the key id of a PEM private key (RFC 7638). Raises `ValueError` for an unsupported key type."""
    public = serialization.load_pem_private_key(private_key, password=None).public_key()
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


def _publish(path: Path, data: bytes, *, replace: bool) -> None:
    """Write a file atomically, readable by its owner only; without `replace` an existing file stays."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            # A hard link is atomic and never replaces a file: a later process keeps the first one's key.
            with suppress(FileExistsError):
                path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
