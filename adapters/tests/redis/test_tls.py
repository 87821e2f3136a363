"""Tests of Redis over TLS, with a real server and real certificates."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aether_adapters.embedded import children
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.rate_limits import Draw
from aether_adapters.kernel.tls import NO_TLS, TlsFiles
from aether_adapters.redis import FallbackCounter, connect, probe
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.plugin import found

pytestmark = pytest.mark.implementation("redis")

_USER = "ACL SETUSER app on >secret ~* +@all"


def binary() -> Path:
    path = shutil.which("redis-server")
    if path is None:
        raise FileNotFoundError("There is no redis-server on the PATH: `apt install redis-server`.")
    return Path(path)


@contextmanager
def redis_with(folder: Path, certificate: TlsFiles, *, clients: str = "no") -> Iterator[str]:
    """Run a Redis that takes TLS only; yield host:port."""
    port = children.free_port()
    log = folder / f"redis-{port}.log"
    options = {
        "port": "0",
        "tls-port": str(port),
        "tls-cert-file": certificate.cert,
        "tls-key-file": certificate.key,
        "tls-ca-cert-file": certificate.ca,
        "tls-auth-clients": clients,
        "save": "",
        "dir": str(folder),
    }
    command = [
        str(found(binary)),
        *(word for name, value in options.items() for word in (f"--{name}", value)),
    ]
    process = children.start(command, log=log)
    try:
        children.wait_until(
            lambda: "Ready to accept" in log.read_text(), process, log=log, seconds=10, every=0.01
        )
        yield f"localhost:{port}"
    finally:
        children.stop(process)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def trusting(authority: Authority) -> TlsFiles:
    return TlsFiles(ca=str(authority.ca))


def reason(address: str, files: TlsFiles) -> str:
    with pytest.raises(Unavailable, match=r"^Redis is unavailable\.$") as caught:
        probe(connect(f"rediss://{address}/0", tls=files))()
    return caught.value.reason


def test_a_user_with_a_password_is_served_over_a_verified_connection(
    authority: Authority, tmp_path: Path
) -> None:
    with redis_with(tmp_path, authority.issue("server")) as address:
        administrator = connect(f"rediss://{address}/0", tls=trusting(authority))
        administrator.execute_command(*_USER.split())
        client = connect(f"rediss://app:secret@{address}/3", tls=trusting(authority))
        client.set("key", "value")
        assert client.get("key") == b"value"
        by_parameter = connect(f"rediss://app:secret@{address}/3?ssl_ca_certs={authority.ca}")
        assert by_parameter.get("key") == b"value"


def test_limits_are_counted_over_a_verified_connection(authority: Authority, tmp_path: Path) -> None:
    with redis_with(tmp_path, authority.issue("server")) as address:
        administrator = connect(f"rediss://{address}/0", tls=trusting(authority))
        administrator.execute_command(*_USER.split())
        client = connect(f"rediss://app:secret@{address}/3", tls=trusting(authority))
        by_parameter = connect(f"rediss://app:secret@{address}/3?ssl_ca_certs={authority.ca}")
        for each in (client, by_parameter):
            assert FallbackCounter(each, wait_seconds=10).take([Draw("ann", 0.001, 2)])[0].allowed
        assert client.exists("limit:ann")
        assert not FallbackCounter(client, wait_seconds=10).take([Draw("ann", 0.001, 2)])[0].allowed
        untrusted = FallbackCounter(connect(f"rediss://{address}/3"), wait_seconds=10)
        assert untrusted.take([Draw("ann", 0.001, 2)])[0].allowed, "counted in the process"


def test_each_wrong_certificate_is_named(authority: Authority, tmp_path: Path) -> None:
    foreign = Authority(tmp_path / "foreign")
    with redis_with(tmp_path, authority.issue("server")) as address:
        assert (
            reason(address, NO_TLS) == "The certificate of Redis comes from an authority that is not trusted."
        )
        assert "comes from an authority that is not trusted" in reason(address, trusting(foreign))
        elsewhere = address.replace("localhost", "127.0.0.2")
        assert reason(elsewhere, trusting(authority)) == "The certificate of Redis is for another address."
    with redis_with(tmp_path, authority.issue("old", life=timedelta(days=-2))) as address:
        assert reason(address, trusting(authority)) == "The certificate of Redis has expired."
    with redis_with(tmp_path, authority.issue("other", "redis.example")) as address:
        assert reason(address, trusting(authority)) == "The certificate of Redis is for another host name."


def test_a_server_that_wants_a_certificate_gets_the_newest(authority: Authority, tmp_path: Path) -> None:
    with redis_with(tmp_path, authority.issue("server"), clients="yes") as address:
        assert reason(address, trusting(authority))
        mine = replace(authority.issue("client"), ca=str(authority.ca))
        client = connect(f"rediss://{address}/0", tls=mine, pool=1)
        assert client.ping()
        expired = authority.issue("client", life=timedelta(days=-2))
        assert expired == mine, "rotated in place"
        client.connection_pool.disconnect()
        assert client.ping(), "a certificate that has expired is not taken over"
        foreign = Authority(tmp_path / "foreign").issue("client")
        shutil.copy(foreign.cert, mine.cert)
        shutil.copy(foreign.key, mine.key)
        client.connection_pool.disconnect()
        with pytest.raises(Unavailable):
            client.ping()
        authority.issue("client")
        client.connection_pool.disconnect()
        assert client.ping()


def test_certificates_that_cannot_be_used_are_refused_at_the_start(
    authority: Authority, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"begins with redis://; use rediss://"):
        connect("redis://localhost", tls=trusting(authority))
    with pytest.raises(ValueError, match="set twice"):
        connect("rediss://localhost?ssl_cert_reqs=none", tls=trusting(authority))
    with pytest.raises(ValueError, match=r"TLS of Redis: .*nowhere.pem cannot be read"):
        connect("rediss://localhost", tls=TlsFiles(ca=str(tmp_path / "nowhere.pem")))
    with pytest.raises(ValueError, match="must be set together"):
        connect("rediss://localhost", tls=TlsFiles(cert=str(authority.ca)))
