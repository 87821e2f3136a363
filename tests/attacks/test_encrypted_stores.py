"""Every setting for TLS and SASL reaches the store it is for: a real process on encrypted servers only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aether_adapters.embedded import children
from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.kafka import find_libraries
from aether_adapters.testing.mysql import PrivateMySql
from aether_adapters.testing.plugin import found
from aether_adapters.testing.secure_kafka import PASSWORD, secure_broker
from aether_adapters.testing.waiting import eventually
from sqlalchemy import create_engine, text

from tests.attacks.conftest import victim_of
from tests.support.acme import Acme
from tests.support.roles import Deployment


@contextmanager
def encrypted_redis(folder: Path, certificate: TlsFiles) -> Iterator[str]:
    """Run a Redis whose clients must show a certificate and a password; yield its address."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("There is no redis-server on the PATH: `apt install redis-server`.")
    port, log = children.free_port(), folder / "tls-redis.log"
    options = {
        "port": "0",
        "tls-port": str(port),
        "tls-cert-file": certificate.cert,
        "tls-key-file": certificate.key,
        "tls-ca-cert-file": certificate.ca,
        "tls-auth-clients": "yes",
        "user": f"app on >{PASSWORD.replace(' ', '')} ~* +@all",
        "dir": str(folder),
    }
    command = [
        binary,
        *(word for name, value in options.items() for word in (f"--{name}", *value.split(" "))),
    ]
    process = children.start(command, log=log)
    try:
        children.wait_until(
            lambda: "Ready to accept" in log.read_text(), process, log=log, seconds=10, every=0.01
        )
        yield f"rediss://app:{PASSWORD.replace(' ', '')}@localhost:{port}/2"
    finally:
        children.stop(process)


@contextmanager
def encrypted_mysql(certificate: TlsFiles) -> Iterator[str]:
    """Run a MySQL whose user must show a certificate; yield the address of an empty database."""
    options = [f"--ssl-ca={certificate.ca}", f"--ssl-cert={certificate.cert}", f"--ssl-key={certificate.key}"]
    with found(lambda: PrivateMySql(*options)) as private:
        server = private.start()
        with server.database() as url:
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text("CREATE USER app@'%' IDENTIFIED BY 'secret' REQUIRE X509"))
                connection.execute(text("GRANT ALL ON *.* TO app@'%'"))
            engine.dispose()
            yield url.replace("root@127.0.0.1", "app:secret@localhost")


@pytest.mark.prove
@pytest.mark.implementation("kafka")
def test_a_service_works_on_encrypted_stores_and_names_a_certificate_it_refuses(
    billing: Acme, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    authority, foreign = Authority(tmp_path / "authority"), Authority(tmp_path / "foreign")
    libraries = found(lambda: find_libraries(request.config.rootpath))
    jwks = billing.root / ".aether" / "keys" / "jwks.json"
    billing.token()  # makes the keys
    server, client = authority.issue("server"), authority.issue("client")
    with ExitStack() as stack:
        broker = stack.enter_context(secure_broker(libraries, tmp_path, authority, jwks))
        settings = {
            "REDIS_URL": stack.enter_context(encrypted_redis(tmp_path, server)),
            "DATABASE_URL": stack.enter_context(encrypted_mysql(server)),
            "KAFKA_BOOTSTRAP": broker.address("SASL"),
            "KAFKA_SECURITY": "sasl_ssl",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": "app",
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_TLS_CA": client.ca,
        }
        for peer in ("REDIS", "DATABASE"):
            settings |= {
                f"{peer}_TLS_CA": client.ca,
                f"{peer}_TLS_CERT": client.cert,
                f"{peer}_TLS_KEY": client.key,
            }
        victim = stack.enter_context(victim_of(billing, tmp_path, **settings))
        with victim.client() as caller:
            assert caller.post("/v1/invoices", json={"title": "x"}).status_code == 201
            eventually(lambda: int(caller.get("/v1/tally").json()["created"]) == 1, "the event came back")
        said = victim.process.said()
        assert "counted in this process only" not in said, "the limit did not reach Redis"
        assert PASSWORD not in said

        wrong = {f"{peer}_TLS_CA": str(foreign.ca) for peer in ("KAFKA", "DATABASE")}
        deployment = Deployment(billing, tmp_path, settings | wrong)
        with deployment.started("rpc", "worker", ADMIN_PORT=str(children.free_port())) as refused:
            untrusted = "comes from an authority that is not trusted"
            eventually(
                lambda: f"The certificate of Kafka {untrusted}" in " ".join(refused.said().split()),
                "the log names Kafka's certificate",
                60,
            )


def test_settings_that_do_not_fit_are_refused_at_the_start_by_name(billing: Acme, tmp_path: Path) -> None:
    key = Authority(tmp_path).issue("only").key
    deployment = Deployment(
        billing,
        tmp_path,
        {
            "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "REDIS_TLS_KEY": key,
            "KAFKA_BOOTSTRAP": "127.0.0.1:1",
            "KAFKA_SECURITY": "sasl_ssl",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": "app",
        },
    )
    with deployment.started("api", "rpc", "worker") as refused:
        assert refused.process.wait(60) == 2
    said = " ".join(refused.said().split())
    assert "BILLING_REDIS_TLS_CERT: a certificate and its key must be set together." in said
    assert "Kafka: BILLING_KAFKA_SASL_PASSWORD is empty, but PLAIN needs it." in said
