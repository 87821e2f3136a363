"""Tests of service tokens: acceptance, reuse, renewal."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest
from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.auth.grants import Grant
from aether_adapters.auth.key_sets import KeySet
from aether_adapters.auth.keys import PrivateKey, thumbprint
from aether_adapters.auth.service_tokens import TOKEN_LIFETIME_SECONDS, ServiceTokens, signer
from aether_adapters.auth.tokens import Verifier
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def test_other_services_accept_the_token(tmp_path: Path) -> None:
    pair = DevelopmentKeys(tmp_path).ensure()
    verify = Verifier(
        KeySet.from_file(pair.jwks, Grant(users=False, services=frozenset({"trade"}))), "tests", "aether"
    )
    key = str(tmp_path / "private.pem")
    for kid in ("", pair.kid):
        tokens = ServiceTokens("trade", signer(key, kid, "tests", "aether"))
        identity = verify(tokens())
        assert (identity.subject, identity.service, identity.roles) == ("trade", True, ())


def test_a_token_is_reused_until_a_minute_before_it_expires(tmp_path: Path) -> None:
    DevelopmentKeys(tmp_path).ensure()
    now = [0.0]
    key = str(tmp_path / "private.pem")
    tokens = ServiceTokens("trade", signer(key, "", "tests", "aether"), clock=lambda: now[0])
    first = tokens()
    now[0] = TOKEN_LIFETIME_SECONDS - 61
    assert tokens() == first
    now[0] = TOKEN_LIFETIME_SECONDS - 60
    assert tokens() != first


def test_the_key_is_read_for_the_first_token_only() -> None:
    ServiceTokens("trade", signer("/nowhere", "", "tests", "aether"))


def pem(key: PrivateKey | ed448.Ed448PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_key_without_an_id_is_identified_by_its_thumbprint() -> None:
    """RFC 8037, appendix A.3, gives the thumbprint of its Ed25519 key."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    known = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    assert thumbprint(pem(known)) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert len(thumbprint(pem(ec.generate_private_key(ec.SECP256R1())))) == 43
    with pytest.raises(ValueError, match="cannot sign tokens"):
        thumbprint(pem(ed448.Ed448PrivateKey.generate()))


def test_a_replaced_key_signs_the_next_token_and_a_missing_one_keeps_the_previous(tmp_path: Path) -> None:
    now = [0.0]
    file = tmp_path / "key.pem"
    tokens = ServiceTokens("trade", signer(str(file), "", "tests", "aether"), clock=lambda: now[0])

    def kid() -> str:
        now[0] += TOKEN_LIFETIME_SECONDS
        return str(jwt.get_unverified_header(tokens())["kid"])

    keys = [pem(ec.generate_private_key(ec.SECP256R1())) for _ in range(2)]
    file.write_bytes(keys[0])
    assert kid() == thumbprint(keys[0])
    file.write_bytes(keys[1])
    assert kid() == thumbprint(keys[1])
    file.unlink()
    assert kid() == thumbprint(keys[1])
