"""Tests of tokens: claims, acceptance, caching, revocation."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
import pytest
from aether_adapters.auth.development import KeyPair
from aether_adapters.auth.grants import Grant
from aether_adapters.auth.key_sets import Source, TrustedKey
from aether_adapters.auth.keys import PrivateKey
from aether_adapters.auth.tokens import MAX_TOKEN_LIFETIME_SECONDS, DevelopmentKeys, Issuer, KeySet, Verifier
from aether_adapters.kernel.errors import Unauthenticated, Unavailable
from aether_adapters.kernel.identity import Identity
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

URL, AUDIENCE = "https://id.test", "billing"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return DevelopmentKeys(tmp_path_factory.mktemp("keys")).ensure()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return DevelopmentKeys(tmp_path_factory.mktemp("others")).ensure()


def _issuer(pair: KeyPair) -> Issuer:
    return Issuer(pair.private_key, URL, AUDIENCE, pair.kid)


def _verifier(keys: KeySet | Path, **options: Any) -> Verifier:
    return Verifier(KeySet.from_file(keys) if isinstance(keys, Path) else keys, URL, AUDIENCE, **options)


def _of(read: Callable[[], bytes], grant: Grant | None = None, **options: Any) -> KeySet:
    return KeySet(Source("test", read, grant or Grant()), **options)


def _refusal(verify: Verifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verify(token)
    return refused.value.detail


def _signed(pair: KeyPair, **changes: object) -> str:
    """Return a valid token with `changes` in its claims; None removes a claim."""
    now = time.time()
    good = {"iss": URL, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 60}
    claims = {name: value for name, value in {**good, **changes}.items() if value is not None}
    return jwt.encode(claims, pair.private_key, "RS256", headers={"kid": pair.kid, "typ": "at+jwt"})


class CountedReads:
    """A key set that counts how often it is read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.count = 0
        self.away = False

    def __call__(self) -> bytes:
        self.count += 1
        if self.away:
            raise ConnectionRefusedError("away")
        return self.data


def test_an_identity_holds_the_tokens_claims(pair: KeyPair) -> None:
    before = int(time.time())
    token = _issuer(pair).issue(
        "ada", ("admin", "staff"), "s-1", seconds=60, scopes=("orders:read", "orders:write")
    )
    identity = _verifier(pair.jwks)(token)
    assert before + 60 <= identity.expires_at <= time.time() + 60
    assert identity == Identity(
        subject="ada",
        roles=("admin", "staff"),
        scopes=frozenset({"orders:read", "orders:write"}),
        session="s-1",
        expires_at=identity.expires_at,
    )


@pytest.mark.parametrize("typ", ["JWT", "jwt", None, "id+jwt"])
def test_a_plain_jwt_is_accepted_only_from_a_source_that_says_so(typ: str | None, pair: KeyPair) -> None:
    claims = jwt.decode(_signed(pair), options={"verify_signature": False})
    token = jwt.encode(claims, pair.private_key, "RS256", headers={"kid": pair.kid, "typ": typ})
    assert "typ must be at+jwt" in _refusal(_verifier(pair.jwks), token)
    lax = _verifier(KeySet.from_file(pair.jwks, Grant(plain_jwt=True)))
    if typ is not None and typ.lower() == "jwt":
        assert lax(token).subject == "ada"
    else:
        assert "typ must be at+jwt" in _refusal(lax, token)
    assert lax(_signed(pair)).subject == "ada"


@pytest.mark.parametrize(
    ("name", "claims", "roles"),
    [
        ("groups", {"groups": ["staff"], "roles": ["operator"]}, ("staff",)),
        ("realm_access.roles", {"realm_access": {"roles": ["staff"]}}, ("staff",)),
        ("https://shop.example/roles", {"https://shop.example/roles": ["staff"]}, ("staff",)),
        ("realm_access.roles", {"realm_access": ["staff"]}, ()),
        ("realm_access.roles", {"realm_access": {"roles": "operator"}}, ()),
        ("realm_access.roles", {"roles": ["operator"]}, ()),
    ],
)
def test_the_source_names_the_claim_of_the_roles(
    name: str, claims: dict[str, Any], roles: tuple[str, ...], pair: KeyPair
) -> None:
    verify = _verifier(KeySet.from_file(pair.jwks, Grant(roles_claim=name)))
    assert verify(_signed(pair, **claims)).roles == roles


def test_only_svc_true_marks_a_service(pair: KeyPair) -> None:
    """Only `svc: true` marks a service, not "true" or 1."""
    verify = _verifier(KeySet.from_file(pair.jwks, Grant(services=frozenset({"ada"}))))
    assert [verify(_signed(pair, svc=value)).service for value in (None, False, "true", 1, True)] == [
        False,
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": 1}, "The token has expired; get a new one."),
        ({"nbf": 9_999_999_999}, "The token is not valid yet."),
        ({"iat": 9_999_999_000, "exp": 9_999_999_060}, "The token is not valid yet."),
        ({"aud": "other"}, "The token is meant for another audience."),
        ({"aud": None}, "The token lacks the claim aud."),
        ({"iss": "https://evil.test"}, "The token comes from another issuer."),
        ({"iss": None}, "The token lacks the claim iss."),
        ({"sub": None}, "The token lacks the claim sub."),
        ({"sub": ""}, "The token is malformed."),
        ({"sub": "a" * 256}, "The token is malformed."),
        ({"sub": "a\0b"}, "The token is malformed."),
        ({"sub": "\ud800"}, "The token is malformed."),
        ({"sid": "a\nb"}, "The token is malformed."),
        ({"exp": None}, "The token lacks the claim exp."),
        (
            {"exp": time.time() + 2 * MAX_TOKEN_LIFETIME_SECONDS},
            "The token's lifetime exceeds the maximum of 86400 seconds.",
        ),
        ({"iat": None}, "The token lacks the claim iat."),
        ({"exp": "soon"}, "The token is malformed."),
        ({"sid": 7}, "The token is malformed."),
        *(
            ({claim: [name] if claim == "roles" else name}, "The token is malformed.")
            for claim in ("sub", "sid", "roles")
            for name in ("a\0b", "a\nb", "\ud800", "a\u202eb", "a" * 256)
        ),
        ({"roles": ["customer", ["operator"]]}, "The token is malformed."),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused_with_its_reason(
    pair: KeyPair, changes: dict[str, object], reason: str
) -> None:
    assert _refusal(_verifier(pair.jwks), _signed(pair, **changes)) == reason


@given(
    st.text()
    | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}", fullmatch=True)
)
def test_any_invalid_text_raises_unauthenticated(text: str) -> None:
    """Every invalid text raises `Unauthenticated`."""
    with pytest.raises(Unauthenticated):
        _verifier(_of(lambda: b'{"keys": []}'))(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("ada"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "iat", "exp", "nbf", "roles", "scope", "sid", "svc", "jti"]),
        _JSON,
    )
)
def test_no_claim_of_a_trusted_key_causes_another_error(pair: KeyPair, claims: dict[str, object]) -> None:
    """Whatever a trusted issuer signs is an identity or a refusal, never a failure of the server."""
    verify = _verifier(pair.jwks, cache_size=0)
    with suppress(Unauthenticated):
        assert verify(_raw(pair, claims)).subject


@given(
    st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5c", "zip"]), _JSON)
)
def test_no_header_causes_another_error(pair: KeyPair, header: dict[str, object]) -> None:
    """Anybody can write a header: it is never a failure of the server."""
    parts = _raw(pair, {}).split(".")
    text = json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": pair.kid, **header}).encode()
    parts[0] = urlsafe_b64encode(text).decode().rstrip("=")
    with suppress(Unauthenticated):
        _verifier(pair.jwks)(".".join(parts))


def _raw(pair: KeyPair, claims: dict[str, object]) -> str:
    """Sign claims that `jwt.encode` would refuse."""
    now = time.time()
    good = {"iss": URL, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 60}
    payload = json.dumps({**good, **claims}).encode()
    headers = {"kid": pair.kid, "typ": "at+jwt"}
    return jwt.api_jws.encode(payload, pair.private_key, "RS256", headers=headers)


def _published(*keys: tuple[str, PrivateKey]) -> bytes:
    algorithms: dict[type[PrivateKey], Any] = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    entries = []
    for kid, key in keys:
        to_jwk = next(found for kind, found in algorithms.items() if isinstance(key, kind)).to_jwk
        entries.append({**to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"})
    return json.dumps({"keys": entries}).encode()


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_every_accepted_kind_of_key_signs_and_verifies() -> None:
    """RS256, ES256 and EdDSA, from one key set."""
    keys: dict[str, PrivateKey] = {
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    published = _published(*keys.items())
    verify = _verifier(_of(lambda: published))
    for algorithm, key in keys.items():
        token = Issuer(_pem(key), URL, AUDIENCE, algorithm).issue("ada")
        assert jwt.get_unverified_header(token)["alg"] == algorithm
        assert verify(token).subject == "ada"


def test_a_key_verifies_only_its_own_algorithm() -> None:
    """An attacker can choose the header's `alg`: an accepted one that is not the key's is refused too."""
    key = ec.generate_private_key(ec.SECP256R1())
    mallory = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    published = _published(("one", key))
    token = Issuer(_pem(mallory), URL, AUDIENCE, "one").issue("root")
    assert _refusal(_verifier(_of(lambda: published)), token) == "The token's signature does not match."


def test_weak_keys_and_keys_for_other_uses_are_ignored() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # the point of the test
    fine = ed25519.Ed25519PrivateKey.generate()
    entries = json.loads(_published(("weak", weak), ("enc", fine), ("ok", fine)))["keys"]
    entries[1]["use"] = "enc"
    entries += [{"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}, {"kty": "RSA", "kid": "broken"}]
    keys = _of(lambda: json.dumps({"keys": entries}).encode())
    assert [kid for kid in ("weak", "enc", "secret", "broken", "ok") if keys.find(kid)] == ["ok"]
    with pytest.raises(ValueError, match="RSA, P-256 or Ed25519"):
        Issuer(_pem(weak), URL, AUDIENCE, "weak")


def test_a_new_key_is_found_when_a_token_first_names_it(
    pair: KeyPair, other: KeyPair, tmp_path: Path
) -> None:
    """Key rotation needs no restart."""
    jwks = tmp_path / "jwks.json"
    jwks.write_bytes(pair.jwks.read_bytes())
    verify = _verifier(KeySet.from_file(jwks, pause_seconds=0))
    assert verify(_issuer(pair).issue("ada")).subject == "ada"
    old, new = (json.loads(each.jwks.read_bytes())["keys"] for each in (pair, other))
    jwks.write_text(json.dumps({"keys": old + new}))
    assert verify(_issuer(other).issue("bob")).subject == "bob"


def test_a_withdrawn_key_invalidates_its_cached_tokens(pair: KeyPair, other: KeyPair) -> None:
    reads = CountedReads(pair.jwks.read_bytes())
    verify = _verifier(_of(reads, pause_seconds=0))
    token = _issuer(pair).issue("ada")
    assert verify(token).subject == "ada"
    reads.data = other.jwks.read_bytes()
    assert verify(_issuer(other).issue("bob")).subject == "bob"
    assert _refusal(verify, token) == "The token is signed with a key this service does not know."


def test_tokens_with_invented_keys_cause_no_repeated_reads(pair: KeyPair, other: KeyPair) -> None:
    reads = CountedReads(pair.jwks.read_bytes())
    verify = _verifier(_of(reads, pause_seconds=60))
    for _ in range(20):
        _refusal(verify, _issuer(other).issue("mallory"))
    assert reads.count == 1


def test_an_old_key_set_is_read_again(pair: KeyPair) -> None:
    reads = CountedReads(pair.jwks.read_bytes())
    keys = _of(reads, pause_seconds=0, max_age_seconds=0.05)
    keys.find(pair.kid)
    keys.find(pair.kid)
    assert reads.count == 1
    time.sleep(0.06)
    assert keys.find(pair.kid) is not None
    assert reads.count == 2


@pytest.mark.parametrize(
    "broken", [b"", b"[]", b"{}", b'{"keys": 7}', b'{"keys": null}', b"[" * 9999, b"\xff"]
)
def test_an_unreadable_key_set_keeps_the_previous_keys(pair: KeyPair, broken: bytes) -> None:
    reads = CountedReads(pair.jwks.read_bytes())
    verify = _verifier(_of(reads, pause_seconds=0, max_age_seconds=0))
    assert verify(_issuer(pair).issue("ada")).subject == "ada"
    reads.data = broken
    assert verify(_issuer(pair).issue("bob")).subject == "bob"
    reads.away = True
    assert verify(_issuer(pair).issue("eve")).subject == "eve"


def test_without_any_key_set_the_verifier_is_unavailable(pair: KeyPair, tmp_path: Path) -> None:
    """The token is not at fault: 503, not 401."""
    with pytest.raises(Unavailable):
        _verifier(tmp_path / "missing.json")(_issuer(pair).issue("ada"))


class CountedKeys(KeySet):
    """A key set that counts the signature checks."""

    looked_up = 0

    def find(self, kid: str) -> TrustedKey | None:
        self.looked_up += 1
        return super().find(kid)


def test_a_token_decided_before_a_revocation_is_refused(pair: KeyPair) -> None:
    verify = _verifier(pair.jwks)
    decided = time.time()
    verify.revoke(subject="ada", before=decided + 0.0001)
    assert "revoked" in _refusal(verify, _issuer(pair).issue("ada", now=decided + 0.00005))
    assert verify(_issuer(pair).issue("ada", now=decided + 0.01)).subject == "ada"


def test_a_cached_token_is_verified_once(pair: KeyPair) -> None:
    keys = CountedKeys(Source("test", pair.jwks.read_bytes))
    remembering, forgetful = _verifier(keys), _verifier(keys, cache_size=0)
    token = _issuer(pair).issue("ada")
    for verify, expected in ((remembering, 1), (forgetful, 3)):
        keys.looked_up = 0
        assert {verify(token).subject for _ in range(3)} == {"ada"}
        assert keys.looked_up == expected


def test_the_cache_keeps_the_most_recently_used_tokens(pair: KeyPair) -> None:
    keys = CountedKeys(Source("test", pair.jwks.read_bytes))
    verify = _verifier(keys, cache_size=2)
    ada, bob, eve = (_issuer(pair).issue(name) for name in ("ada", "bob", "eve"))
    for token in (ada, bob, ada, eve):
        verify(token)
    keys.looked_up = 0
    assert (verify(ada).subject, keys.looked_up) == ("ada", 0)
    assert (verify(bob).subject, keys.looked_up) == ("bob", 1)


def test_a_cached_token_still_expires(pair: KeyPair) -> None:
    verify = _verifier(pair.jwks, leeway_seconds=0)
    token = _issuer(pair).issue("ada", seconds=1.5)
    expires_at = verify(token).expires_at
    time.sleep(max(0.0, expires_at - time.time()) + 0.01)
    assert _refusal(verify, token) == "The token has expired; get a new one."


def _revocations() -> list[Callable[[Verifier], None]]:
    return [lambda verify: verify.revoke(subject="ada"), lambda verify: verify.revoke(session="s-1")]


@pytest.mark.parametrize("revoke", _revocations(), ids=["subject", "session"])
@pytest.mark.parametrize("known", [True, False], ids=["remembered", "not yet seen"])
def test_revocation_affects_older_tokens_only(
    pair: KeyPair, revoke: Callable[[Verifier], None], known: bool
) -> None:
    verify, issuer = _verifier(pair.jwks), _issuer(pair)
    mine, theirs = issuer.issue("ada", session="s-1"), issuer.issue("bob", session="s-2")
    if known:
        verify(mine)
        verify(theirs)
    time.sleep(0.002)
    revoke(verify)
    assert _refusal(verify, mine) == "The token was revoked; sign in again."
    assert verify(theirs).subject == "bob"
    time.sleep(0.002)
    assert verify(issuer.issue("ada", session="s-1")).subject == "ada"


def test_a_revocation_applies_up_to_a_given_moment(pair: KeyPair) -> None:
    verify, issuer = _verifier(pair.jwks), _issuer(pair)
    token = issuer.issue("ada")
    verify.revoke(subject="ada", before=time.time() - 60)
    assert verify(token).subject == "ada"
    verify.revoke(subject="ada", before=time.time() + 1)
    verify.revoke(subject="ada", before=time.time() - 60)
    assert _refusal(verify, token) == "The token was revoked; sign in again."


def test_revoking_the_empty_session_does_not_affect_tokens_without_one(pair: KeyPair) -> None:
    verify = _verifier(pair.jwks)
    token = _issuer(pair).issue("ada")
    verify.revoke(session="")
    assert verify(token).subject == "ada"


def test_no_thread_caches_a_token_after_its_revocation(pair: KeyPair) -> None:
    """A result must not be cached if the revocation came while the signature was checked."""
    token = _issuer(pair).issue("ada")
    verify = _verifier(pair.jwks)
    revoked, stop = threading.Event(), threading.Event()
    late: list[float] = []

    def hammer() -> None:
        while not stop.is_set():
            after = revoked.is_set()
            try:
                verify(token)
            except Unauthenticated:
                continue
            if after:
                late.append(time.time())

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    verify.revoke(subject="ada")
    revoked.set()
    time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert late == []


def test_development_keys_are_created_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    keys = DevelopmentKeys(tmp_path / "new" / "folder")
    first = keys.ensure()
    assert keys.ensure() == first
    assert stat.S_IMODE((first.jwks.parent / "private.pem").stat().st_mode) == 0o600
    assert sorted(path.name for path in first.jwks.parent.iterdir()) == ["jwks.json", "private.pem"]
    assert b"PRIVATE" not in first.jwks.read_bytes()
    assert set(json.loads(first.jwks.read_bytes())["keys"][0]) == {"kty", "use", "alg", "kid", "n", "e"}


def test_processes_that_start_together_share_one_development_key(tmp_path: Path) -> None:
    code = (
        "import sys; from aether_adapters.auth.tokens import DevelopmentKeys;"
        "print(DevelopmentKeys(sys.argv[1]).ensure().kid)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=os.environ)
        for _ in range(4)
    ]
    kids = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert kids == {DevelopmentKeys(tmp_path).ensure().kid.encode() + b"\n"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jwks.json", "private.pem"]
