"""A real process of a scaffolded domain, to attack over sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.testing.waiting import eventually

from tests.attacks.stranger import Stranger
from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment, Role, ready

QUICK: Final = frozenset(
    {
        "test_e01_errors",
        "test_e03_depth",
        "test_e06_framing",
        "test_e10_contract_text",
        "test_e23_contracts",
        "test_e23_edge",
        "test_e23_files",
    }
)
"""The modules that `make test` runs too; the others start servers of their own for minutes together."""


@pytest.hookimpl(tryfirst=True)  # before the marks decide which tests run
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem not in QUICK:
            item.add_marker(pytest.mark.prove)


@dataclass(frozen=True, slots=True)
class Victim:
    """The domain billing: both servers and the worker in one process, on SQLite and embedded servers."""

    deployment: Deployment
    process: Role
    token: str

    @property
    def rest(self) -> str:
        """Base URL of the REST API."""
        return self.deployment.rest

    def connect(self) -> socket.socket:
        """Open a TCP connection to the REST server."""
        return socket.create_connection(("127.0.0.1", self.deployment.rest_port), timeout=30)

    def client(self) -> httpx.Client:
        """Return a REST client with a valid token."""
        return self.deployment.client(self.token)

    @contextmanager
    def stranger(self) -> Iterator[Stranger]:
        """Yield a client who asks for `/healthz` and lists invoices."""
        with httpx.Client(base_url=self.rest, timeout=30) as anyone, self.client() as caller:
            yield Stranger(
                healthz=lambda: anyone.get("/healthz"), operation=lambda: caller.get("/v1/invoices")
            )


@contextmanager
def victim_of(acme: Acme, folder: Path, *roles: str, **settings: str) -> Iterator[Victim]:
    """Start the domain billing of `acme` with `settings`, by default with every role; yield it once it is ready."""
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(folder / "redis", port=children.free_port()))
        kafka = stack.enter_context(EmbeddedKafka({"acme.billing.v1": 2}))
        deployment = Deployment(
            acme,
            folder,
            {
                "DATABASE_URL": f"sqlite:///{folder / 'billing.db'}",
                "REDIS_URL": redis.url,
                "KAFKA_BOOTSTRAP": kafka.bootstrap,
            },
        )
        with deployment.started("migrate", **settings) as migration:
            assert migration.process.wait(START_SECONDS) == 0, migration.said()
        process = stack.enter_context(deployment.started(*(roles or ("api", "rpc", "worker")), **settings))
        eventually(lambda: ready(deployment.rest), "the victim is ready", START_SECONDS)
        yield Victim(deployment, process, acme.token())


@pytest.fixture(scope="module")
def victim(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """One victim for the tests of a module; a test that needs other settings starts its own with `victim_of`."""
    with victim_of(billing, tmp_path_factory.mktemp("victim")) as victim:
        yield victim


@pytest.fixture(scope="session")
def closed(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A service behind a proxy, as one would expose it: nothing but the contract and its probes."""
    settings = {
        "TRUSTED_PROXIES": '["127.0.0.1", "10.0.0.0/8"]',
        "REST_SYSTEM_RATE": "1",
        "REST_ENCODINGS": '["gzip", "deflate"]',
        "BODY_LIMIT": "100000",
        "REST_DOCS": "false",
        "REST_METRICS": "false",
        "CORS_ORIGINS": '["https://shop.example", "http://localhost:3000"]',
        "CORS_CREDENTIALS": "true",
        "REST_HSTS_SECONDS": "31536000",
    }
    with victim_of(billing, tmp_path_factory.mktemp("closed"), **settings) as victim:
        yield victim
