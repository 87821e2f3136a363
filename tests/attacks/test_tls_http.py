"""TLS of the REST server and the admin port: who is served, rotation, and clients that misuse the handshake."""

from __future__ import annotations

import shutil
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest
from aether_adapters.embedded import EmbeddedRedis, children
from aether_adapters.kernel.tls import TlsFiles, refusal
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.waiting import eventually
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_der_x509_certificate

from tests.attacks.wire import all_answers, answers, closed_within, connect
from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment, Role

GET: Final = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
CONNECTIONS: Final = 40
EXPIRED: Final = timedelta(days=-2)


@dataclass(frozen=True, slots=True)
class Secured:
    """The domain billing with its REST server and its admin port on TLS; clients of the REST server need a certificate."""

    deployment: Deployment
    process: Role
    authority: Authority
    server: TlsFiles
    client: TlsFiles
    admin_port: int

    def context(self, files: TlsFiles | None = None) -> ssl.SSLContext:
        """A client's context, by default of the good client."""
        return (files or self.client).client_context()

    def get(self, files: TlsFiles | None = None, host: str = "localhost") -> httpx.Response:
        """Ask for /healthz on a connection of its own."""
        address = f"https://{host}:{self.deployment.rest_port}/healthz"
        return httpx.get(address, verify=self.context(files), timeout=10)

    def connect(self, host: str = "localhost") -> ssl.SSLSocket:
        """Open a TLS connection to the REST server as the good client."""
        return self.context().wrap_socket(connect(host, self.deployment.rest_port), server_hostname=host)

    def serial(self) -> int:
        """The serial number of the certificate that a new connection is shown."""
        with self.connect() as connection:
            shown = connection.getpeercert(binary_form=True)
        assert shown is not None
        return load_der_x509_certificate(shown).serial_number


def settings(folder: Path, redis: str, **more: str) -> dict[str, str]:
    """The settings of billing that need no server but Redis."""
    return {"DATABASE_URL": f"sqlite:///{folder / 'billing.db'}", "REDIS_URL": redis, **more}


def variables(peer: str, files: TlsFiles) -> dict[str, str]:
    """The settings that name `files`."""
    return {f"{peer}_TLS_CA": files.ca, f"{peer}_TLS_CERT": files.cert, f"{peer}_TLS_KEY": files.key}


@pytest.fixture(scope="module")
def secured(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "authority")
    server, client = authority.issue("server", "localhost", "127.0.0.1", "::1"), authority.issue("client")
    server = replace(server, ca=str(shutil.copy(authority.ca, folder / "clients.pem")))
    admin_port = children.free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(folder / "redis", port=children.free_port()))
        chosen = settings(
            folder,
            redis.url,
            REST_HEAD_SECONDS="1",
            REST_WRITE_SECONDS="2",
            REST_CONNECTIONS=str(CONNECTIONS),
            ADMIN_PORT=str(admin_port),
            ADMIN_TLS_CERT=server.cert,
            ADMIN_TLS_KEY=server.key,
            **variables("REST", server),
        )
        deployment = Deployment(billing, folder, chosen)
        process = stack.enter_context(deployment.started("migrate", "api"))
        secured = Secured(deployment, process, authority, server, client, admin_port)
        eventually(lambda: secured.get().status_code == 200, "the REST server answers", START_SECONDS)
        yield secured


def refused(call: Callable[[], object]) -> Exception:
    """Return the error that `call` raises because TLS refuses one side."""
    with pytest.raises((httpx.TransportError, OSError)) as raised:
        call()
    return raised.value


def test_a_client_of_the_right_authority_is_served(secured: Secured) -> None:
    assert secured.get().json() == {"status": "alive"}
    assert secured.get(host="127.0.0.1").status_code == 200


def test_a_client_without_a_certificate_is_not_served(secured: Secured) -> None:
    time.sleep(1.2)
    error = refused(lambda: secured.get(TlsFiles(ca=str(secured.authority.ca))))
    eventually(lambda: "The client showed no certificate." in secured.process.said(), "the log says why")
    assert refusal("the server", error) is None, "the client has nothing against the server"


@pytest.mark.parametrize("wrong", ["foreign", "expired"])
def test_a_client_with_a_wrong_certificate_is_not_served(
    wrong: str, secured: Secured, tmp_path: Path
) -> None:
    if wrong == "foreign":
        files, why = Authority(tmp_path, "somebody else").issue("client"), "authority that is not trusted."
    else:
        files, why = secured.authority.issue("expired", life=EXPIRED), "has expired."
    time.sleep(1.2)  # no more than one line a second
    refused(lambda: secured.get(TlsFiles(ca=str(secured.authority.ca), cert=files.cert, key=files.key)))
    eventually(lambda: why in secured.process.said(), "the log says why")


def test_a_client_says_why_it_does_not_trust_the_server(secured: Secured, tmp_path: Path) -> None:
    files = secured.client
    foreign = TlsFiles(ca=str(Authority(tmp_path, "another").ca), cert=files.cert, key=files.key)
    error = refused(lambda: secured.get(foreign))
    assert (
        refusal("the server", error)
        == "The certificate of the server comes from an authority that is not trusted."
    )
    plain = connect("127.0.0.1", secured.deployment.rest_port)
    with plain, pytest.raises(ssl.SSLCertVerificationError) as raised:
        secured.context().wrap_socket(plain, server_hostname="elsewhere")
    assert refusal("the server", raised.value) == "The certificate of the server is for another host name."


def test_a_rotated_certificate_is_shown_to_new_connections_and_old_ones_stay(secured: Secured) -> None:
    before = secured.serial()
    with secured.connect() as old:
        new = secured.authority.issue("renewed", "localhost", "127.0.0.1", "::1")
        shutil.copy(new.cert, secured.server.cert)
        assert secured.serial() == before, "a certificate without its key is not used"
        shutil.copy(new.key, secured.server.key)
        assert secured.serial() != before
        old.sendall(GET)
        assert answers(old)[0].status == 200
    Path(secured.server.cert).write_text("half a file")
    assert secured.serial() != before
    shutil.copy(new.cert, secured.server.cert)
    assert secured.get().status_code == 200


def test_an_expired_certificate_is_not_taken_over_and_the_log_says_so(secured: Secured) -> None:
    before = secured.serial()
    good = (Path(secured.server.cert).read_bytes(), Path(secured.server.key).read_bytes())
    old = secured.authority.issue("old", "localhost", life=EXPIRED)
    shutil.copy(old.cert, secured.server.cert)
    shutil.copy(old.key, secured.server.key)
    assert secured.serial() == before
    said = f"TLS of the REST server: the certificate in {secured.server.cert} expired at "
    eventually(lambda: said in secured.process.said(), "the log names the file and the reason")
    Path(secured.server.cert).write_bytes(good[0])
    Path(secured.server.key).write_bytes(good[1])
    assert secured.serial() == before


def test_a_rotated_authority_of_clients_decides_about_new_connections(
    secured: Secured, tmp_path: Path
) -> None:
    another = Authority(tmp_path, "another")
    client = another.issue("client")
    newcomer = TlsFiles(ca=str(secured.authority.ca), cert=client.cert, key=client.key)
    refused(lambda: secured.get(newcomer))
    shutil.copy(another.ca, secured.server.ca)
    assert secured.get(newcomer).status_code == 200
    refused(secured.get)
    shutil.copy(secured.authority.ca, secured.server.ca)
    assert secured.get().status_code == 200


@pytest.mark.parametrize("sent", [GET, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"])
def test_plain_http_is_told_that_the_port_speaks_tls(sent: bytes, secured: Secured) -> None:
    with connect("127.0.0.1", secured.deployment.rest_port) as connection:
        connection.sendall(sent)
        (answer,) = all_answers(connection)
    assert (answer.status, answer.body) == (400, b"This port speaks TLS: begin the address with https://\n")
    assert secured.get().status_code == 200


def test_what_is_neither_tls_nor_http_gets_no_answer(secured: Secured) -> None:
    with connect("127.0.0.1", secured.deployment.rest_port) as connection:
        connection.sendall(b"\0" * 64)
        assert closed_within(connection, 3)
    assert secured.get().status_code == 200


def test_old_protocols_are_refused(secured: Secured) -> None:
    context = secured.context()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    plain = connect("localhost", secured.deployment.rest_port)
    with plain, pytest.raises(OSError):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.prove
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["silent", "half a hello"])
def test_a_handshake_that_does_not_end_is_ended(said: bytes, secured: Secured) -> None:
    with connect("127.0.0.1", secured.deployment.rest_port) as connection:
        connection.sendall(said)
        assert closed_within(connection, 4)


@pytest.mark.prove
def test_handshakes_that_do_not_end_lock_nobody_out(secured: Secured) -> None:
    address = ("127.0.0.1", secured.deployment.rest_port)
    with secured.connect() as stranger, ExitStack() as stack:
        stranger.sendall(GET)  # from now on it may be idle; before its first request it has a second
        assert answers(stranger)[0].status == 200
        for _ in range(4 * CONNECTIONS):
            with suppress(OSError):
                stack.enter_context(socket.create_connection(address, 5, source_address=("127.0.0.9", 0)))
        stranger.sendall(GET)
        assert answers(stranger)[0].status == 200
        assert secured.get().status_code == 200


@pytest.mark.prove
def test_a_head_over_tls_has_the_same_limits(secured: Secured) -> None:
    with secured.connect() as connection:
        connection.sendall(GET[:-2])
        assert [answer.status for answer in all_answers(connection)] == [408]
    with secured.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nendless: ")
        with suppress(OSError):
            for _ in range(100):
                connection.sendall(b"a" * 16384)
        assert [answer.status for answer in all_answers(connection)] == [431]


@pytest.mark.prove
def test_a_client_that_does_not_read_over_tls_is_disconnected(secured: Secured) -> None:
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", secured.deployment.rest_port))
    plain.settimeout(10)
    with secured.context().wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 20:
                connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 50)
        assert time.monotonic() - began < 9


def test_the_admin_port_is_on_tls_too(secured: Secured) -> None:
    context = TlsFiles(ca=str(secured.authority.ca)).client_context()
    with httpx.Client(base_url=f"https://localhost:{secured.admin_port}", verify=context) as client:
        assert client.get("/readyz").status_code == 200
        assert "aether_http_connections" in client.get("/metrics").text
    assert httpx.get(f"http://localhost:{secured.admin_port}/healthz").status_code == 400


@pytest.mark.parametrize(
    "fault",
    [
        "missing",
        *(
            pytest.param(each, marks=pytest.mark.prove)
            for each in ("half", "another key", "encrypted", "no authority")
        ),
    ],
)
def test_files_that_cannot_be_used_stop_the_start_with_a_sentence(
    fault: str, billing: Acme, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    good, other = authority.issue("server"), authority.issue("other")
    nowhere, locked, junk = tmp_path / "nowhere.pem", tmp_path / "locked.pem", tmp_path / "junk.pem"
    key = load_pem_private_key(Path(good.key).read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    junk.write_text("no certificate")
    files, said = {
        "missing": (
            TlsFiles(cert=str(nowhere), key=good.key),
            f"BILLING_REST_TLS_CERT: {nowhere} cannot be read: No such file",
        ),
        "half": (TlsFiles(cert=good.cert), "BILLING_REST_TLS_KEY: a certificate and its key"),
        "another key": (
            TlsFiles(cert=good.cert, key=other.key),
            f"BILLING_REST_TLS_KEY: {other.key} is not the private key",
        ),
        "encrypted": (
            TlsFiles(cert=good.cert, key=str(locked)),
            f"BILLING_REST_TLS_KEY: {locked} is encrypted",
        ),
        "no authority": (
            TlsFiles(ca=str(junk), cert=good.cert, key=good.key),
            f"BILLING_REST_TLS_CA: {junk} holds nothing",
        ),
    }[fault]
    chosen = settings(tmp_path, "redis://127.0.0.1:9/0", **variables("REST", files))
    with Deployment(billing, tmp_path, chosen).started("api") as role:
        assert role.process.wait(START_SECONDS) == 2, role.said()
    assert said in role.said()
    assert "Traceback" not in role.said()
