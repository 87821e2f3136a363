"""A domain with two workers for each port: the kernel spreads its clients over them, and each has a number of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.ids import parts
from aether_adapters.testing.waiting import eventually
from aether_tools.runner.plan import Servers, plan
from aether_tools.runner.ports import Ports
from aether_tools.workspace import Workspace
from prometheus_client.parser import text_string_to_metric_families

from tests.support.acme import Acme
from tests.support.roles import START_SECONDS, Deployment, Role, ready

pytestmark = [
    pytest.mark.prove,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ports are not spread over processes"),
]
CONNECTIONS = 160


@dataclass(frozen=True, slots=True)
class System:
    """The domain, its process and the port with its metrics."""

    deployment: Deployment
    role: Role
    admin: int

    def answered(self, metric: str, **labels: str) -> Mapping[str, float]:
        """Return how many requests each worker has counted."""
        page = httpx.get(f"http://127.0.0.1:{self.admin}/metrics", timeout=30).text
        counts = Counter[str]()
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == metric and labels.items() <= sample.labels.items():
                    counts[sample.labels["worker"]] += int(sample.value)
        return counts


@pytest.fixture(scope="module")
def token(billing: Acme) -> str:
    return billing.token()


@pytest.fixture(scope="module")
def system(billing: Acme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Both servers and the worker role, all by one command."""
    folder = tmp_path_factory.mktemp("workers")
    admin = children.free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(folder / "redis"))
        kafka = stack.enter_context(EmbeddedKafka({"acme.billing.v1": 2}))
        settings = {
            "DATABASE_URL": f"sqlite:///{folder / 'billing.db'}",
            "REDIS_URL": redis.url,
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
            "ADMIN_PORT": str(admin),
            "WORKERS": "2",
            "CREATE_RATE": "10000",
            "CREATE_BURST": "10000",
            "DEADLINE_SECONDS": "30",
        }
        deployment = Deployment(billing, folder, settings)
        role = stack.enter_context(deployment.started("migrate", "api", "rpc", "worker"))
        running = System(deployment, role, admin)
        eventually(lambda: ready(f"http://127.0.0.1:{admin}"), "it is ready", START_SECONDS)
        eventually(
            lambda: set(running.answered("process_open_fds")) == {"1", "2", "worker", "parent"}, "all run", 90
        )
        yield running


def test_connections_are_spread_over_the_workers_and_ids_tell_them_apart(system: System, token: str) -> None:
    headers = {"authorization": f"Bearer {token}"}
    numbers = set[int]()
    for _ in range(CONNECTIONS):
        made = httpx.post(
            f"{system.deployment.rest}/v1/invoices", json={"title": "x"}, headers=headers, timeout=60
        )
        assert made.status_code == 201, made.text
        numbers.add(parts(int(made.json()["id"])).worker)
    assert len(numbers) == 2, "each worker leases a number of its own"
    shares = system.answered("aether_rest_requests_total", operation="createInvoice")
    assert sum(shares.values()) == CONNECTIONS
    assert all(0.25 * CONNECTIONS < count < 0.75 * CONNECTIONS for count in shares.values()), shares

    for _ in range(CONNECTIONS):
        with grpc.insecure_channel(
            system.deployment.grpc, options=[("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            list_invoices = channel.unary_unary("/acme.billing.v1.BillingService/ListInvoices", None, None)
            list_invoices(b"", timeout=60, metadata=(("authorization", f"Bearer {token}"),))
    shares = system.answered("grpc_server_handled_total", grpc_method="ListInvoices")
    assert sum(shares.values()) == CONNECTIONS
    assert all(0.25 * CONNECTIONS < count < 0.75 * CONNECTIONS for count in shares.values()), shares


def test_a_worker_that_is_killed_under_load_is_replaced_while_the_others_serve(
    system: System, token: str
) -> None:
    family = psutil.Process(system.role.process.pid).children()
    victim = next(each for each in family if each.cmdline()[-2:] == ["api", "rpc"])
    headers = {"authorization": f"Bearer {token}"}
    outcomes = Counter[object]()

    def ask() -> bool:
        try:
            outcomes[
                httpx.get(f"{system.deployment.rest}/v1/tally", headers=headers, timeout=60).status_code
            ] += 1
        except httpx.TransportError:
            outcomes["lost"] += 1
        return "worker ended: starting another" in system.role.said() and set(
            system.answered("process_open_fds")
        ) == {"1", "2", "worker", "parent"}

    os.kill(victim.pid, signal.SIGKILL)
    eventually(ask, "another serves", 90)
    assert outcomes.keys() <= {200, "lost"} and outcomes["lost"] <= 2, (
        "only what the victim had accepted is lost"
    )
    assert outcomes[200], outcomes


@pytest.mark.parametrize("gateway", [False, True])
def test_aether_run_gives_each_domain_as_many_workers_as_asked(gateway: bool) -> None:
    workspace = Workspace.find(Path(__file__).parent)
    servers = Servers({"user": "sqlite:///x.db"}, "redis://127.0.0.1:1/0", "127.0.0.1:2")

    def planned(workers: int | None) -> list[tuple[str | None, bool]]:
        """The workers of each process, and whether its readiness is asked for at the admin port."""
        chosen = workspace.chosen(("user",))
        layout = plan(workspace, chosen, servers, Ports(), gateway=gateway, workers=workers, port_base=0)
        return [
            (each.env.get("USER_WORKERS"), str(each.health) == each.env.get("USER_ADMIN_PORT"))
            for each in layout.processes
        ]

    assert planned(2) == [("2", True)] * (2 if gateway else 1)
    assert planned(None) == ([(None, True), (None, False)] if gateway else [(None, False)])
