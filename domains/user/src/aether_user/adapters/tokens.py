"""Access tokens, signed with ES256, and their signing keys."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Final

from aether_adapters.auth.tokens import Issuer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aether_user.adapters.sealing import Seal
from aether_user.application.ports import NewKey
from aether_user.domain.keys import SigningKey
from aether_user.domain.values import Role

_COORDINATE_BYTES: Final = 32
"""Length of x and of y on P-256."""


class EcKeyMaker:
    """Creates keys on P-256, whose private halves `seal` encrypts."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def make(self) -> NewKey:
        key = ec.generate_private_key(ec.SECP256R1())
        numbers = key.public_key().public_numbers()
        x, y = (_base64(number.to_bytes(_COORDINATE_BYTES)) for number in (numbers.x, numbers.y))
        # The key id is the key's thumbprint (RFC 7638).
        thumbprint = sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest()
        return NewKey(kid=_base64(thumbprint), x=x, y=y, private_pem=self._seal.close(key))


class JwtSigner:
    """Signs tokens that are valid for `seconds`. `seal` decrypts the private half of the key."""

    def __init__(self, *, seal: Seal, issuer: str, audience: str | Sequence[str], seconds: int) -> None:
        self._seal = seal
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
                private = self._seal.open(key.private_pem)
                pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                self._decrypted = key.kid, Issuer(pem, self._issuer, self._audience, key.kid)
            return self._decrypted[1]


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
