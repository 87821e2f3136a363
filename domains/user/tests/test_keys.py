"""Stored signing keys are useless without the secret, and usable with it."""

from datetime import UTC, datetime

import jwt
import pytest

from aether_user.adapters.tokens import EcKeyMaker, JwtSigner
from aether_user.domain.keys import SigningKey
from aether_user.domain.values import Role

SECRET = "only this test knows"


def kept(secret: str) -> SigningKey:
    made = EcKeyMaker(secret).make()
    now = datetime.now(UTC)
    return SigningKey(
        number=1, kid=made.kid, x=made.x, y=made.y, private_pem=made.private_pem, signs_from=now
    )


def signed(key: SigningKey, secret: str) -> str:
    signer = JwtSigner(secret=secret, issuer="tests", audience="aether", seconds=300)
    now = datetime.now(UTC)
    return signer.sign(key, user_id=7, roles=frozenset({Role.CUSTOMER}), session_id=9, now=now)


@pytest.mark.parametrize("stored_with", [SECRET, ""], ids=["encrypted", "stored before there was a secret"])
def test_a_key_signs_what_its_public_half_verifies(stored_with: str) -> None:
    key = kept(stored_with)
    public = jwt.PyJWK({"kty": "EC", "crv": "P-256", "x": key.x, "y": key.y}).key
    claims = jwt.decode(signed(key, SECRET), public, ["ES256"], audience="aether", issuer="tests")
    assert (claims["sub"], claims["roles"]) == ("7", ["customer"])


@pytest.mark.parametrize("secret", ["", "another secret altogether"])
def test_a_key_cannot_be_used_without_its_secret(secret: str) -> None:
    key = kept(SECRET)
    assert key.private_pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    with pytest.raises((TypeError, ValueError)):
        signed(key, secret)
