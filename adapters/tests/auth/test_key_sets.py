"""Tests of published key sets: what is used of them, when they are read, and what a server of keys cannot do."""

from __future__ import annotations

import gc
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.auth.fetching import MAX_BYTES, DiscoveredKeys, fetch
from aether_adapters.auth.grants import Grant
from aether_adapters.auth.key_sets import KeySet, Source
from aether_adapters.auth.keys import read_keys
from aether_adapters.auth.service_tokens import ServiceTokens, signer
from aether_adapters.auth.tokens import Verifier
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.waiting import eventually
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm


def jwk(kid: object = None, **changes: object) -> dict[str, Any]:
    """Return a new public key; None in `changes` leaves a member out."""
    entry = {
        **ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True),
        "kid": kid,
    }
    return {name: value for name, value in {**entry, **changes}.items() if value is not None}


def key_set(*entries: object) -> bytes:
    return json.dumps({"keys": entries}).encode()


class Server:
    """A source whose content a test changes; it counts its reads, and may hang until it is let go."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads = self.ended = 0
        self.away = False
        self.hangs = threading.Event()
        self.hangs.set()

    def __call__(self) -> bytes:
        self.reads += 1
        self.hangs.wait(100)
        self.ended += 1
        if self.away:
            raise ConnectionRefusedError("away")
        return self.data


def private() -> dict[str, Any]:
    return dict(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True))


BAD: Mapping[str, object] = {
    "null": None,
    "text": "x",
    "list": [],
    "empty": {},
    "type is a list": jwk("bad", kty=["EC"]),
    "use is a list": jwk("bad", use=["sig"]),
    "algorithm is a list": jwk("bad", alg=["ES256"]),
    "curve is an object": jwk("bad", crv={}),
    "no such point": jwk("bad", x="AA", y="AA"),
    "not base64": jwk("bad", x="\u00e9"),
    "huge": jwk("bad", x="A" * 100_000),
    "no id": jwk(),
    "empty id": jwk(""),
    "id is a number": jwk(7),
    "id is too long": jwk("x" * 300),
    "other algorithm": jwk("bad", alg="HS256"),
    "private": {**private(), "kid": "bad"},
    "exponent of one": {"kty": "RSA", "kid": "bad", "n": "AQAB" * 90, "e": "AQ"},
    "weak": {
        **RSAAlgorithm.to_jwk(
            rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(), as_dict=True
        ),
        "kid": "bad",
    },
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_key_that_cannot_be_used_does_not_cost_the_others(bad: object) -> None:
    assert list(read_keys(key_set(jwk("first"), bad, jwk("last")), "test")) == ["first", "last"]


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b'{"keys": null}', b'{"keys": {}}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_key_set_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(ValueError, match="no JWK set"):
        read_keys(data, "test")


def test_a_public_key_of_a_service_verifies_its_tokens_without_a_key_set(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public, private = tmp_path / "trade.pub", tmp_path / "trade.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    verify = Verifier(KeySet.from_setting(f"{public}#services=trade"), "tests", "aether")
    token = ServiceTokens("trade", signer(str(private), "", "tests", "aether"))
    assert verify(token()).service
    with pytest.raises(ValueError, match="openssl pkey -pubout"):
        read_keys(private.read_bytes(), "test")


def test_of_two_keys_with_one_id_in_a_set_the_first_is_used() -> None:
    first = jwk("one")
    only, both = read_keys(key_set(first), "test"), read_keys(key_set(first, jwk("one")), "test")
    assert only == both


def test_a_set_of_thousands_of_keys_is_cut() -> None:
    assert len(read_keys(key_set(*(jwk(str(number)) for number in range(120))), "test")) == 100


@pytest.mark.parametrize("remote", [False, True])
def test_a_key_keeps_its_id_while_its_set_publishes_it(remote: bool) -> None:
    """Neither a set that is named later nor one that is named earlier can take the id of a key in use."""
    mine, theirs = jwk("one"), jwk("one")
    first, second, third = Server(key_set()), Server(key_set(mine)), Server(key_set(theirs))
    keys = KeySet(
        *(
            Source(name, each, remote=remote)
            for name, each in zip("abc", (first, second, third), strict=True)
        ),
        pause_seconds=0.0,
        max_age_seconds=0.05,
    )
    assert keys.wait(60)

    def owner() -> str:
        keys.wait(1)
        found = keys.find("one")
        return found.key_set if found else ""

    assert owner() == "b"
    first.data = key_set(theirs, jwk("two"))
    eventually(lambda: owner() == "b" and keys.find("two") is not None)
    assert (owner(), keys.generation) == ("b", 0)
    second.data = key_set()
    eventually(lambda: owner() == "a")
    assert keys.generation == 1


def test_until_all_sets_have_been_read_their_order_decides() -> None:
    slow, quick = Server(key_set(jwk("one"))), Server(key_set(jwk("one")))
    slow.hangs.clear()
    keys = KeySet(Source("slow", slow, remote=True), Source("quick", quick, remote=True))

    def owner() -> str:
        found = keys.find("one")
        return found.key_set if found else ""

    with suppress(Unavailable):
        owner()
    eventually(lambda: quick.reads == 1)
    keys.wait(0.1)
    assert owner() == "quick"
    slow.hangs.set()
    assert keys.wait(60)
    assert owner() == "slow"


def test_no_token_waits_for_a_server_of_keys() -> None:
    server = Server(key_set(jwk("known")))
    keys = KeySet(Source("test", server, remote=True), pause_seconds=0.0)
    assert keys.wait(60)
    server.hangs.clear()
    assert keys.find("unknown") is None
    eventually(lambda: server.reads == 2)
    for number in range(1000):
        assert keys.find(f"unknown-{number}") is None
        assert keys.find("known") is not None
    assert (server.reads, server.ended) == (2, 1), "one read at a time, and nobody waited for it"
    server.data = key_set(jwk("known"), jwk("new"))
    server.hangs.set()
    eventually(lambda: keys.find("new") is not None)


def test_reads_for_unknown_keys_that_find_nothing_become_rare() -> None:
    server = Server(key_set(jwk("known")))
    keys = KeySet(Source("test", server), pause_seconds=0.02)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        keys.find("unknown")
    assert 2 <= server.reads <= 8, "after 20, 40, 80, 160, 320, 640 ms"


def test_a_set_that_was_never_read_makes_unknown_keys_unavailable_and_no_others() -> None:
    server, away = Server(key_set(jwk("known"))), Server(key_set(jwk("late")))
    away.away = True
    keys = KeySet(Source("here", server), Source("away", away), pause_seconds=0.0)
    assert keys.find("known") is not None
    with pytest.raises(Unavailable):
        keys.find("late")
    with pytest.raises(Unavailable, match="away"):
        keys.probe()
    away.away = False
    keys.probe()
    assert keys.find("late") is not None
    assert keys.find("unknown") is None


def test_a_remote_set_is_read_again_without_any_token() -> None:
    server = Server(key_set(jwk("known")))
    keys = KeySet(Source("test", server, remote=True), max_age_seconds=0.05)
    assert keys.wait(60)
    server.data = key_set()
    eventually(lambda: keys.generation == 1)


def test_the_thread_of_a_remote_set_ends_with_its_keys() -> None:
    keys = KeySet(Source("short-lived", Server(key_set()), remote=True))
    assert keys.wait(60)
    del keys
    gc.collect()
    eventually(lambda: all(each.name != "keys-short-lived" for each in threading.enumerate()))


@dataclass
class Site:
    """An HTTP server that answers each path with the bytes of `pages`, and then goes on as `goes_on` says."""

    pages: dict[str, bytes]
    goes_on: Callable[[socket.socket], None] = lambda _: None
    context: ssl.SSLContext | None = None
    url: str = ""
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Site]:
        server = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if self.context else "http"
        self.url = f"{scheme}://localhost:{server.getsockname()[1]}"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield self
        finally:
            server.close()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            talking = self.context.wrap_socket(connection, server_side=True) if self.context else connection
            with talking:
                path = talking.recv(65536).split()[1].decode()
                self.asked.append(path)
                talking.sendall(self.pages[path])
                self.goes_on(talking)


def page(body: bytes, head: str = "HTTP/1.1 200 OK") -> bytes:
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def trickle(connection: socket.socket) -> None:
    while True:
        time.sleep(0.2)
        connection.sendall(b"x")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (page(b"", "HTTP/1.1 302 Found\r\nLocation: http://localhost:1/other"), "302"),
        (page(b"", "HTTP/1.1 404 Not Found"), "404"),
        (page(b"x" * (MAX_BYTES + 1)), "larger than"),
        (b"rubbish\r\n\r\n", "BadStatusLine"),
        (b"", "RemoteDisconnected"),
    ],
    ids=["redirect", "missing", "huge", "no http", "nothing"],
)
def test_an_answer_that_is_no_document_is_refused(answer: bytes, reason: str) -> None:
    with Site({"/jwks": answer}).running() as site, pytest.raises(OSError, match=reason):
        fetch(f"{site.url}/jwks")
    assert site.asked == ["/jwks"]


@pytest.mark.parametrize(
    "begin",
    [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"],
    ids=["head", "body", "status"],
)
@pytest.mark.prove
def test_a_server_that_trickles_is_given_up_after_the_total_time(begin: bytes) -> None:
    with (
        Site({"/jwks": begin}, trickle).running() as site,
        pytest.raises(TimeoutError, match="no whole answer within 5 s"),
    ):
        fetch(f"{site.url}/jwks")


def test_the_certificate_of_a_server_of_keys_is_verified(tmp_path: Path) -> None:
    authority, foreign = Authority(tmp_path / "ours"), Authority(tmp_path / "foreign")
    good = authority.issue("good")
    pages = {"/jwks": page(key_set())}
    with Site(pages, context=good_context(good)).running() as site:
        assert fetch(f"{site.url}/jwks", good.ca) == key_set()
        with pytest.raises(OSError, match="localhost comes from an authority that is not trusted"):
            fetch(f"{site.url}/jwks", str(foreign.ca))
        with pytest.raises(OSError, match="localhost"):
            fetch(f"{site.url}/jwks")
    for files, reason in (
        (authority.issue("old", life=timedelta(days=-1)), "has expired"),
        (authority.issue("other", "elsewhere.example"), "is for another host name"),
    ):
        with Site(pages, context=good_context(files)).running() as site, pytest.raises(OSError, match=reason):
            fetch(f"{site.url}/jwks", files.ca)


def good_context(files: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    return context


DISCOVERY = "/.well-known/openid-configuration"


def test_an_issuers_keys_are_found_through_its_discovery_document() -> None:
    with Site({"/keys": page(key_set(jwk("one")))}).running() as site:
        document = {"issuer": site.url, "jwks_uri": f"{site.url}/keys"}
        site.pages[DISCOVERY] = page(json.dumps(document).encode())
        keys = KeySet.from_setting(f"oidc+{site.url}")
        assert keys.wait(60)
        found = keys.find("one")
        assert found is not None
        assert found.grant == Grant(issuer=site.url)
        assert site.asked == [DISCOVERY, "/keys"]


def test_a_discovery_document_is_read_again_when_the_keys_have_moved() -> None:
    with Site({"/keys": page(key_set()), "/moved": page(key_set(jwk("one")))}).running() as site:

        def publish(path: str) -> None:
            site.pages[DISCOVERY] = page(
                json.dumps({"issuer": site.url, "jwks_uri": f"{site.url}{path}"}).encode()
            )

        publish("/keys")
        read = DiscoveredKeys(site.url)
        assert read() == read() == key_set()
        assert site.asked == [DISCOVERY, "/keys", "/keys"]
        publish("/moved")
        site.pages["/keys"] = page(b"", "HTTP/1.1 410 Gone")
        with pytest.raises(OSError, match="410"):
            read()
        assert "one" in read().decode()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": "https://evil.example"}, "is not that of"),
        ({"issuer": None}, "is not that of"),
        ({"issuer": "SELF/"}, "is not that of"),
        ({"jwks_uri": None}, "has no jwks_uri"),
        ({"jwks_uri": "http://id.example/keys"}, "over https"),
        ({"jwks_uri": "file:///etc/passwd"}, "starts with https"),
    ],
)
def test_a_discovery_document_that_is_not_the_issuers_is_refused(
    changes: dict[str, str | None], reason: str
) -> None:
    with Site({}).running() as site:
        document: dict[str, object] = {"issuer": site.url, "jwks_uri": f"{site.url}/keys", **changes}
        text = json.dumps(document).replace("SELF", site.url)
        site.pages[DISCOVERY] = page(text.encode())
        with pytest.raises(ValueError, match=reason):
            DiscoveredKeys(site.url)()
        assert site.asked == [DISCOVERY]


def test_an_issuer_on_https_cannot_send_its_readers_to_http_on_their_own_machine(tmp_path: Path) -> None:
    good = Authority(tmp_path).issue("good")
    with Site({}).running() as inside, Site({}, context=good_context(good)).running() as issuer:
        document = {"issuer": issuer.url, "jwks_uri": f"{inside.url}/keys"}
        issuer.pages[DISCOVERY] = page(json.dumps(document).encode())
        with pytest.raises(ValueError, match="from https to http"):
            DiscoveredKeys(issuer.url, good.ca)()
        assert inside.asked == []
