"""Tests of MySQL over TLS, with a real server and real certificates."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.tls import NO_TLS, TlsFiles
from aether_adapters.sql import Transactions, connect, probe
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.mysql import PrivateMySql
from aether_adapters.testing.plugin import found
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import URL, create_engine, make_url, text

pytestmark = pytest.mark.implementation("mariadb")


@contextmanager
def mysql_with(certificate: TlsFiles) -> Iterator[URL]:
    """Run a server with a user `app` who must encrypt and a user `known` who must show a certificate."""
    options = [f"--ssl-ca={certificate.ca}", f"--ssl-cert={certificate.cert}", f"--ssl-key={certificate.key}"]
    with found(lambda: PrivateMySql(*options)) as private:
        server = private.start()
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for user, requirement in (("app", "SSL"), ("known", "X509")):
                connection.execute(
                    text(f"CREATE USER {user}@'%' IDENTIFIED BY 'secret' REQUIRE {requirement}")
                )
                connection.execute(text(f"GRANT ALL ON *.* TO {user}@'%'"))
        engine.dispose()
        yield make_url(server.url).set(username="app", password="secret", host="localhost", database="mysql")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[URL]:
    with mysql_with(authority.issue("server")) as url:
        yield url


def trusting(authority: Authority) -> TlsFiles:
    return TlsFiles(ca=str(authority.ca))


def cipher(url: URL, files: TlsFiles = NO_TLS) -> str:
    """Return the cipher of a connection; empty if it is not encrypted."""
    engine = connect(url, tls=files)
    try:
        asked = text("SHOW STATUS LIKE 'Ssl_cipher'")
        return str(Transactions(engine, lambda c: c).read(lambda c: c.execute(asked).one())[1])
    finally:
        engine.dispose()


def reason(url: URL, files: TlsFiles = NO_TLS) -> str:
    engine = connect(url, tls=files)
    with pytest.raises(Unavailable, match=r"^The database is unavailable\.$") as caught:
        probe(engine)()
    engine.dispose()
    return caught.value.reason


@pytest.mark.parametrize(
    "parameters",
    [
        {"ssl_ca": "ca"},
        {"ssl_ca": "ca", "ssl_verify_cert": "true"},
        {"ssl_ca": "ca", "ssl_verify_cert": "true", "ssl_verify_identity": "true"},
        {"ssl_ca": "ca", "ssl_check_hostname": "true"},
        {"ssl_verify_cert": "false"},
        {},
    ],
    ids=lambda parameters: "-".join(parameters) or "preferred",
)
def test_the_parameters_of_an_address_encrypt(
    server: URL, authority: Authority, parameters: dict[str, str]
) -> None:
    given = {name: str(authority.ca) if value == "ca" else value for name, value in parameters.items()}
    assert cipher(server.update_query_dict(given))


def test_files_encrypt_and_prove_who_connects(server: URL, authority: Authority) -> None:
    assert cipher(server, trusting(authority))
    known = server.set(username="known")
    assert "Access denied" in reason(known, trusting(authority))
    assert cipher(known, authority.issue("client"))


def test_a_server_that_is_not_verified_gets_no_password(
    server: URL, authority: Authority, tmp_path: Path
) -> None:
    foreign = Authority(tmp_path / "foreign")
    untrusted = "The certificate of the database comes from an authority that is not trusted."
    assert reason(server, trusting(foreign)) == untrusted
    assert reason(server.update_query_dict({"ssl_ca": str(foreign.ca)})) == untrusted
    assert (
        reason(server.update_query_dict({"ssl_ca": str(foreign.ca), "ssl_verify_cert": "true"})) == untrusted
    )
    assert "not trusted" in reason(server.update_query_dict({"ssl_verify_cert": "true"}))
    elsewhere = server.set(host="127.0.0.1")
    assert cipher(elsewhere, trusting(authority))


@pytest.mark.prove
def test_each_wrong_certificate_is_named(authority: Authority) -> None:
    with mysql_with(authority.issue("old", life=timedelta(days=-2))) as url:
        assert reason(url, trusting(authority)) == "The certificate of the database has expired."
        assert cipher(url.update_query_dict({"ssl_ca": str(authority.ca), "ssl_verify_cert": "false"}))
    with mysql_with(authority.issue("other", "db.example")) as url:
        assert reason(url, trusting(authority)) == "The certificate of the database is for another host name."
        assert cipher(url.update_query_dict({"ssl_ca": str(authority.ca), "ssl_check_hostname": "false"}))


def test_settings_that_contradict_each_other_are_refused_at_the_start(
    server: URL, authority: Authority
) -> None:
    files = trusting(authority)
    with pytest.raises(ValueError, match=r"set twice: by ssl_ca in the address and by files"):
        connect(server.update_query_dict({"ssl_ca": "x"}), tls=files)
    with pytest.raises(ValueError, match="has ssl_disabled"):
        connect(server.update_query_dict({"ssl_disabled": "true"}), tls=files)
    with pytest.raises(ValueError, match=r"nowhere\.pem"):
        connect(server.update_query_dict({"ssl_ca": "nowhere.pem"}))
    with pytest.raises(ValueError, match="is not reached over TLS"):
        connect("sqlite:///x.db", tls=files)
    assert "Access denied" in reason(server.update_query_dict({"ssl_disabled": "true"}))


def test_an_encrypted_key_without_its_password_is_refused_and_not_asked_for(
    authority: Authority, tmp_path: Path
) -> None:
    files = authority.issue("client")
    key = load_pem_private_key(Path(files.key).read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
    )
    url = f"mysql+pymysql://u:p@127.0.0.1/x?ssl_cert={files.cert}&ssl_key={encrypted}"
    program = (
        f"from aether_adapters.sql import connect\ntry: connect({url!r})\nexcept ValueError: print('refused')"
    )
    terminal = f"import pty, sys; pty.spawn([sys.executable, '-c', {program!r}])"
    asked = subprocess.run(
        [sys.executable, "-c", terminal],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.stdout.strip() == "refused"
