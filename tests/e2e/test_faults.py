"""A server of a running domain fails: the domain reports it at once, and recovers by itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.testing.mysql import PrivateMySql
from aether_adapters.testing.waiting import eventually
from sqlalchemy import make_url

from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment, command_of, ready, standing_still
from tests.support.shared import Shared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stops processes and reads /proc")

REFUSAL_LIMIT_SECONDS = 2.0
"""How long a call may take to fail if a server that it needs is down."""


@dataclass(frozen=True, slots=True)
class System:
    """A running domain, and its servers."""

    deployment: Deployment
    redis: EmbeddedRedis
    kafka: EmbeddedKafka
    client: httpx.Client

    def create(self) -> httpx.Response:
        """Create an invoice."""
        return self.client.post("/v1/invoices", json={"title": "x"})

    def works(self) -> bool:
        """Return whether the domain is ready and an invoice can be created."""
        return self.create().status_code == 201 and ready(self.deployment.rest)

    def counted(self) -> int:
        """Return how many invoices the consumer has counted."""
        return int(self.client.get("/v1/tally").json()["created"])


@contextmanager
def servers(folder: Path) -> Iterator[tuple[EmbeddedRedis, EmbeddedKafka]]:
    redis = EmbeddedRedis(folder / "redis", port=children.free_port())
    with redis, EmbeddedKafka({"acme.billing.v1": 2}) as kafka:
        yield redis, kafka


@pytest.fixture(scope="module")
def token(billing: Acme) -> str:
    return billing.token()


@pytest.fixture(scope="module")
def systems(billing: Acme, token: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared[System]]:
    with Shared(
        lambda: in_one_process(billing, token, tmp_path_factory.mktemp("faults")), System.works
    ) as systems:
        yield systems


@pytest.fixture
def system(systems: Shared[System], request: pytest.FixtureRequest) -> Iterator[System]:
    with systems.lent(request) as system:
        yield system


@contextmanager
def in_one_process(billing: Acme, token: str, folder: Path) -> Iterator[System]:
    """Run every role in one process on SQLite."""
    with servers(folder) as (redis, kafka):
        deployment = Deployment(
            billing,
            folder,
            {
                "DATABASE_URL": f"sqlite:///{folder / 'billing.db'}",
                "REDIS_URL": redis.url,
                "KAFKA_BOOTSTRAP": kafka.bootstrap,
            },
        )
        with deployment.started("migrate", "api", "rpc", "worker"), deployment.client(token) as client:
            running = System(deployment, redis, kafka, client)
            eventually(running.works, "the domain started", START_SECONDS)
            yield running


def refused_soon(call: Callable[[], httpx.Response], *statuses: int) -> httpx.Response:
    """Return the answer of `call`, which must be a problem with one of `statuses`, in time."""
    started = time.monotonic()
    answer = call()
    took = time.monotonic() - started
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert took < REFUSAL_LIMIT_SECONDS, f"the refusal took {took:.1f} s: {answer.text}"
    return answer


def test_without_redis_creating_goes_on_at_once_and_the_instance_stays_ready(system: System) -> None:
    """The allowance counts in the process, so no instance is taken away for a server that none of them needs."""
    os.kill(system.redis.pid, signal.SIGKILL)
    system.redis.stop()
    try:
        for _ in range(3):
            begun = time.monotonic()
            assert system.create().status_code == 201
            assert time.monotonic() - begun < REFUSAL_LIMIT_SECONDS
        assert system.client.get("/v1/invoices").status_code == 200, "reading needs no Redis"
        assert ready(system.deployment.rest)
    finally:
        system.redis.start()
    eventually(system.works, "it works again")


def test_without_kafka_creating_goes_on_and_the_events_arrive_when_it_is_back(system: System) -> None:
    eventually(system.works, "everything is there")
    system.kafka.broker_down()
    try:
        before = system.counted()
        answers = [system.create() for _ in range(5)]
        assert [answer.status_code for answer in answers] == [201] * 5
    finally:
        system.kafka.broker_up()
    eventually(lambda: system.counted() >= before + 5, "the events were counted")


@pytest.mark.prove
def test_a_gateway_without_its_rpc_process_says_when_to_retry_and_recovers(
    billing: Acme, token: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        redis, kafka = stack.enter_context(servers(tmp_path))
        deployment = Deployment(
            billing,
            tmp_path,
            {
                "DATABASE_URL": f"sqlite:///{tmp_path / 'billing.db'}",
                "REDIS_URL": redis.url,
                "KAFKA_BOOTSTRAP": kafka.bootstrap,
            },
        )
        client = stack.enter_context(deployment.client(token))
        gateway = System(deployment, redis, kafka, client)
        rpc = stack.enter_context(deployment.started("migrate", "rpc"))
        stack.enter_context(deployment.started("api", RPC_TARGET=deployment.grpc))
        eventually(gateway.works, "the gateway started", START_SECONDS)
        rpc.kill()
        answer = refused_soon(gateway.create, 503)
        assert int(answer.headers["retry-after"]) >= 1
        eventually(lambda: not ready(deployment.rest), "readiness says no")
        stack.enter_context(deployment.started("rpc"))
        eventually(gateway.works, "the gateway works again")


@pytest.mark.prove
@pytest.mark.skipif(
    shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/bin") is None, reason="there is no MariaDB"
)
def test_a_database_that_hangs_or_dies_is_reported_as_unavailable_and_found_again(
    billing: Acme, token: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        redis, kafka = stack.enter_context(servers(tmp_path))
        server = stack.enter_context(PrivateMySql()).start()
        daemon = listener(make_url(server.url).port)
        again: list[subprocess.Popen[bytes]] = []

        def stop_again() -> None:
            for process in again:
                children.stop(process)

        stack.callback(stop_again)
        settings = {"REDIS_URL": redis.url, "KAFKA_BOOTSTRAP": kafka.bootstrap, "DEADLINE_SECONDS": "1"}
        settings["DATABASE_URL"] = stack.enter_context(server.database())
        deployment = Deployment(billing, tmp_path, settings)
        stack.enter_context(deployment.started("migrate", "api", "rpc", "worker"))
        client = stack.enter_context(deployment.client(token))
        system = System(deployment, redis, kafka, client)
        eventually(system.works, "the domain started", START_SECONDS)

        with standing_still(daemon):
            refused_soon(system.create, 503, 504)
            eventually(lambda: not ready(deployment.rest), "readiness says no")
        eventually(system.works, "it works again after the stop")

        command = command_of(daemon)
        os.kill(daemon, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{daemon}/exe").exists(), "the server is dead")
        answer = refused_soon(system.create, 503)
        assert int(answer.headers["retry-after"]) >= 1
        eventually(lambda: not ready(deployment.rest), "readiness says no")
        again.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        eventually(system.works, "it works again after the crash")


def listener(port: int | None) -> int:
    """Return the process id of the one child process that listens on `port`."""
    found = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and f"--port={port}" in command_of(int(folder.name))
    ]
    assert len(found) == 1, found
    return found[0]
