"""Encryption of stored signing keys with a secret, which can be replaced while the service runs."""

from collections.abc import Sequence
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from aether_user.application.seal_keys import SealKeys

_LOG: Final = structlog.get_logger("aether.user")


class SealNotBroken(ValueError):
    """None of the secrets decrypts the key."""

    def __init__(self) -> None:
        super().__init__(
            "A stored signing key can be decrypted neither with USER_KEY_SECRET nor with one of USER_OLD_KEY_SECRETS: "
            "add the secret that encrypted it to the latter."
        )


class Seal:
    """Encrypts private keys with the first of `secrets`, or not at all if it is empty; decrypts with each of them.

    Decryption is slow on purpose, against guessing.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secret, *self._others = (secret.encode() for secret in secrets)

    def close(self, key: ec.EllipticCurvePrivateKey) -> str:
        """Return the key as PEM (PKCS #8)."""
        encryption: KeySerializationEncryption = (
            BestAvailableEncryption(self._secret) if self._secret else NoEncryption()
        )
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()

    def open(self, pem: str) -> ec.EllipticCurvePrivateKey:
        """Return the key. Raises `SealNotBroken`."""
        if not _is_encrypted(pem):  # it was stored before there was a secret
            return _loaded(pem, None)
        for secret in (self._secret, *self._others):  # an empty one decrypts nothing
            key = _decrypted(pem, secret)
            if key is not None:
                return key
        raise SealNotBroken

    def renew(self, pem: str) -> str | None:
        """Return the PEM encrypted with the present secret, or None if it already is. Raises `SealNotBroken`."""
        if not self._secret:
            return None
        if _is_encrypted(pem) and _decrypted(pem, self._secret) is not None:
            return None
        return self.close(self.open(pem))


class KeepSealed:
    """Encrypts the stored keys with the present secret, for periodic work, and says in the log what it did."""

    def __init__(self, seal_keys: SealKeys) -> None:
        self._seal_keys = seal_keys

    def __call__(self) -> bool:
        """Return False: nothing is left to do."""
        try:
            count = self._seal_keys()
        except SealNotBroken as error:
            # Logged and not raised: this process goes on serving what needs no signature.
            _LOG.error("signing keys not encrypted anew", reason=str(error))
            return False
        if count:
            _LOG.info("signing keys are encrypted with the present secret", count=count)
        return False


def _is_encrypted(pem: str) -> bool:
    return "ENCRYPTED" in pem.partition("\n")[0]


def _decrypted(pem: str, secret: bytes) -> ec.EllipticCurvePrivateKey | None:
    try:
        return _loaded(pem, secret) if secret else None
    except ValueError:  # of cryptography, for a wrong password
        return None


def _loaded(pem: str, secret: bytes | None) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), secret)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"A stored signing key is no key on P-256 but a {type(key).__name__}.")
    return key
