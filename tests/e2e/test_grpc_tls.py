"""A gateway and its gRPC server, as processes that speak TLS with each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.grpc import probe
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.waiting import eventually

from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment, Role

pytestmark = pytest.mark.prove


@contextmanager
def started(
    acme: Acme, folder: Path, server: dict[str, str], gateway: dict[str, str]
) -> Iterator[tuple[Deployment, Role]]:
    """Start the rpc role with the settings `server`, and a gateway in front of it with the settings `gateway`."""
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(folder / "redis", port=children.free_port()))
        kafka = stack.enter_context(EmbeddedKafka({"acme.billing.v1": 2}))
        settings = {
            "DATABASE_URL": f"sqlite:///{folder / 'billing.db'}",
            "REDIS_URL": redis.url,
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
        }
        deployment = Deployment(acme, folder, settings)
        with deployment.started("migrate") as migration:
            assert migration.process.wait(START_SECONDS) == 0, migration.said()
        rpc = stack.enter_context(deployment.started("rpc", "worker", **server))
        api = stack.enter_context(deployment.started("api", RPC_TARGET=deployment.grpc, **gateway))
        eventually(lambda: alive(deployment.rest), f"the gateway is up\n{api.said()}", START_SECONDS)
        yield deployment, rpc


def alive(base: str) -> bool:
    return httpx.get(f"{base}/healthz", timeout=5).status_code == 200


def identity(files: TlsFiles) -> dict[str, str]:
    return {"GRPC_TLS_CA": files.ca, "GRPC_TLS_CERT": files.cert, "GRPC_TLS_KEY": files.key}


def test_a_gateway_and_its_server_show_each_other_certificates(billing: Acme, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    server = identity(authority.issue("rpc")) | {"GRPC_TLS_MUTUAL": "true"}
    gateway = identity(authority.issue("api"))
    with (
        started(billing, tmp_path, server, gateway) as (deployment, _),
        deployment.client(billing.token()) as client,
    ):
        eventually(lambda: client.get("/readyz").status_code == 200, "the gateway is ready", START_SECONDS)
        assert client.post("/v1/invoices", json={"title": "Sealed"}).status_code == 201
        assert [each["title"] for each in client.get("/v1/invoices").json()["invoices"]] == ["Sealed"]
        for shown in (TlsFiles(), TlsFiles(ca=str(authority.ca))):
            with pytest.raises(Unavailable, match="closed the connection"):
                probe(deployment.grpc, seconds=5, tls=shown)()


def test_readiness_and_the_log_of_a_gateway_say_what_is_wrong_with_a_certificate(
    billing: Acme, tmp_path: Path
) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "another authority")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(theirs.ca.read_bytes())
    files = ours.issue("rpc")
    server = {"GRPC_TLS_CERT": files.cert, "GRPC_TLS_KEY": files.key}
    with (
        started(billing, tmp_path, server, {"GRPC_TLS_CA": str(trusted)}) as (deployment, _),
        deployment.client(billing.token()) as client,
    ):
        said = f"The certificate of {deployment.grpc} comes from an authority that is not trusted."
        answer = client.get("/v1/invoices")
        assert answer.status_code == 503
        assert "certificate" not in answer.text
        assert client.get("/readyz").status_code == 503
        log = tmp_path / "api.log"

        def logged() -> bool:
            """Ask until the server is up: before that, both say that nobody listens."""
            client.get("/v1/invoices")
            client.get("/readyz")
            return log.read_text().count(said) >= 2

        eventually(logged, "the log of request and readiness says so", START_SECONDS)
        # The right authority arrives, as a mounted secret is replaced.
        trusted.write_bytes(ours.ca.read_bytes())
        eventually(
            lambda: client.get("/v1/invoices").status_code == 200, "the gateway trusts it", START_SECONDS
        )
        eventually(lambda: client.get("/readyz").status_code == 200, "the gateway is ready", START_SECONDS)


def test_files_that_cannot_be_used_are_refused_at_the_start(billing: Acme, tmp_path: Path) -> None:
    deployment = Deployment(billing, tmp_path, {"DATABASE_URL": "sqlite:///none.db"})
    for settings, sentence in (
        (
            {"GRPC_TLS_CERT": "none.pem", "GRPC_TLS_KEY": "none.pem"},
            "BILLING_GRPC_TLS_CERT: none.pem cannot be read",
        ),
        ({"GRPC_TLS_MUTUAL": "true"}, "BILLING_GRPC_TLS_MUTUAL is wrong"),
    ):
        with deployment.started("rpc", **settings) as rpc:
            assert rpc.process.wait(START_SECONDS) == 2
            assert sentence in rpc.said()
