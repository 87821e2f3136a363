"""A key pair for development, created on first use."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from aether_adapters.auth.keys import thumbprint
from aether_adapters.kernel.files import private_folder


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A development key: private key (PEM), key id, and the file of its public key set."""

    private_key: bytes = field(repr=False)
    kid: str
    jwks: Path


class DevelopmentKeys:
    """A key pair in `folder`, created once and shared by all processes of a developer's machine."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)

    def ensure(self) -> KeyPair:
        """Return the pair; create it if needed. Processes that do so concurrently get the same pair."""
        private_folder(self._folder)
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
