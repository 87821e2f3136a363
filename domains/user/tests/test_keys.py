"""Stored signing keys are useless without the secret, usable with it, and outlive its replacement."""

from datetime import UTC, datetime

import jwt
import pytest

from aether_user.adapters.sealing import Seal, SealNotBroken
from aether_user.adapters.tokens import EcKeyMaker, JwtSigner
from aether_user.application.seal_keys import SealKeys
from aether_user.domain.keys import SigningKey
from aether_user.domain.values import Role

from .memory import MemoryTransactions

SECRET = "only this test knows"
NEWER = "what this test knows next"


def kept(secret: str, number: int = 1) -> SigningKey:
    made = EcKeyMaker(Seal([secret])).make()
    now = datetime.now(UTC)
    return SigningKey(
        number=number, kid=made.kid, x=made.x, y=made.y, private_pem=made.private_pem, signs_from=now
    )


def signed(key: SigningKey, *secrets: str) -> str:
    signer = JwtSigner(seal=Seal(secrets), issuer="tests", audience="aether", seconds=300)
    now = datetime.now(UTC)
    return signer.sign(key, user_id=7, roles=frozenset({Role.CUSTOMER}), session_id=9, now=now)


@pytest.mark.parametrize("secrets", [(SECRET,), (NEWER, SECRET), (SECRET, NEWER), (NEWER, "third", SECRET)])
@pytest.mark.parametrize("stored_with", [SECRET, ""], ids=["encrypted", "stored before there was a secret"])
def test_a_key_signs_what_its_public_half_verifies(stored_with: str, secrets: tuple[str, ...]) -> None:
    key = kept(stored_with)
    public = jwt.PyJWK({"kty": "EC", "crv": "P-256", "x": key.x, "y": key.y}).key
    claims = jwt.decode(signed(key, *secrets), public, ["ES256"], audience="aether", issuer="tests")
    assert (claims["sub"], claims["roles"]) == ("7", ["customer"])


@pytest.mark.parametrize("secrets", [("",), ("another secret altogether",), (NEWER, "", "third")])
def test_a_key_cannot_be_used_without_its_secret(secrets: tuple[str, ...]) -> None:
    key = kept(SECRET)
    assert key.private_pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    with pytest.raises(SealNotBroken, match="USER_OLD_KEY_SECRETS") as refused:
        signed(key, *secrets)
    assert not any(secret and secret in str(refused.value) for secret in secrets)


def test_keys_are_encrypted_with_the_present_secret_and_then_need_no_other() -> None:
    transactions = MemoryTransactions()
    keys = [kept(SECRET, 1), kept("", 2), kept(NEWER, 3)]
    for key in keys:
        transactions.run(lambda unit, key=key: unit.keys.add(key))  # type: ignore[misc]
    replacing = SealKeys(transactions=transactions, seal=Seal([NEWER, SECRET]))
    assert [replacing(), replacing()] == [2, 0]
    stored = transactions.read(lambda unit: unit.keys.ring()).keys
    assert stored[2] == keys[2]
    for key in stored:
        assert signed(key, NEWER)
        with pytest.raises(SealNotBroken):
            signed(key, SECRET)
    assert SealKeys(transactions=transactions, seal=Seal([NEWER]))() == 0
    with pytest.raises(SealNotBroken):
        SealKeys(transactions=transactions, seal=Seal([SECRET]))()


def test_without_a_secret_keys_stay_as_they_are() -> None:
    assert Seal([""]).renew(kept("").private_pem) is None
    assert Seal(["", SECRET]).renew(kept(SECRET).private_pem) is None
