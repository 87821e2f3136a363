"""Access tokens, signed with ES256, and their signing keys."""

from base64 import urlsafe_b64encode
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Final

from aether_adapters.auth.tokens import Issuer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from aether_user.application.ports import NewKey
from aether_user.domain.keys import SigningKey
from aether_user.domain.values import Role

_COORDINATE_BYTES: Final = 32
"""Length of x and of y on P-256."""


class EcKeyMaker:
    """Creates keys on P-256. A non-empty `secret` encrypts their private halves."""

    def __init__(self, secret: str) -> None:
        self._encryption: KeySerializationEncryption = (
            BestAvailableEncryption(secret.encode()) if secret else NoEncryption()
        )

    def make(self) -> NewKey:
        key = ec.generate_private_key(ec.SECP256R1())
        numbers = key.public_key().public_numbers()
        x, y = (_base64(number.to_bytes(_COORDINATE_BYTES)) for number in (numbers.x, numbers.y))
        # The key id is the key's thumbprint (RFC 7638).
        thumbprint = sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, self._encryption)
        return NewKey(kid=_base64(thumbprint), x=x, y=y, private_pem=pem.decode())


class JwtSigner:
    """Signs tokens that are valid for `seconds`. `secret` decrypts the private half of the key."""

    def __init__(self, *, secret: str, issuer: str, audience: str, seconds: int) -> None:
        self._secret = secret.encode() or None
        self._issuer = issuer
        self._audience = audience
        self._seconds = seconds
        self._lock = Lock()
        self._decrypted: tuple[str, Issuer] | None = None

    @property
    def seconds(self) -> int:
        return self._seconds

    def sign(
        self, key: SigningKey, /, *, user_id: int, roles: frozenset[Role], session_id: int, now: datetime
    ) -> str:
        return self._issuer_of(key).issue(
            str(user_id),
            sorted(role.value for role in roles),
            session=str(session_id),
            seconds=self._seconds,
            now=now.timestamp(),
        )

    def _issuer_of(self, key: SigningKey) -> Issuer:
        with self._lock:
            # Cached: one key signs at a time, and decryption is slow on purpose, against guessing.
            if self._decrypted is None or self._decrypted[0] != key.kid:
                # A key that was stored before a secret was set is not encrypted.
                secret = self._secret if "ENCRYPTED" in key.private_pem.partition("\n")[0] else None
                private = load_pem_private_key(key.private_pem.encode(), secret)
                pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                self._decrypted = key.kid, Issuer(pem, self._issuer, self._audience, key.kid)
            return self._decrypted[1]


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
