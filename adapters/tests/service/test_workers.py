"""Several worker processes under one parent: they share ports, and live and die as a deployment expects of one process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.embedded import children
from aether_adapters.service.listening import CannotListen, require_free, reserved
from aether_adapters.service.parent import WorkerMetrics
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.service.workers import Workers
from aether_adapters.testing.waiting import eventually
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere ports are not spread over processes"
)

SERVICE = '''
    """A service whose rpc role serves its process id, over TCP, on the port that it shares."""
    import os, socket, sys, time
    from pathlib import Path
    from aether_adapters.observability.health import Health
    from aether_adapters.service import cli
    from aether_adapters.service.settings import ServiceSettings

    def serve(roles):
        from aether_adapters.rest.server import listen
        from aether_adapters.service.process import run_roles
        from aether_adapters.service.worker_link import answer_parent, take_place
        from prometheus_client import Counter

        if Path("broken").exists():
            print("the service is broken", file=sys.stderr)
            return 7
        served = Counter("toy_served", "Answers.")
        place = take_place()
        Path(f"started-{place.name}-{os.getpid()}").touch()

        def run(stop):
            if "rpc" not in roles:
                stop.wait()
                return
            with listen("127.0.0.1", place.ports["grpc"], reuse_port=True) as listener:
                listener.settimeout(0.05)
                while not stop.is_set():
                    try:
                        connection, _ = listener.accept()
                    except TimeoutError:
                        continue
                    served.inc()
                    connection.sendall(str(os.getpid()).encode())
                    connection.close()
            Path(f"drained-{os.getpid()}").touch()

        health = Health({})
        answer_parent(place, health)
        return run_roles({"toy": run}, ["toy"], health=health)

    roles = {**cli.ROLES, "worker": "works"}
    sys.exit(cli.main("toy", roles, ServiceSettings, migrations=Path, serve=serve))
'''


class Toy:
    """The service in a folder, with two workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "toy.py").write_text(textwrap.dedent(SERVICE))
        self.jwks = DevelopmentKeys(folder / "keys").ensure().jwks
        self.port, self.admin = children.free_port(), children.free_port()
        self.log = folder / "log"

    def start(self, *roles: str, **more: str) -> subprocess.Popen[bytes]:
        settings = {
            "WORKERS": "2",
            "GRPC_PORT": str(self.port),
            "ADMIN_PORT": str(self.admin),
            "JWKS": str(self.jwks),
            "DATABASE_URL": "sqlite:///none",
            "KAFKA_BOOTSTRAP": "127.0.0.1:9",
            "DRAIN_SECONDS": "0",
            **more,
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "toy", *(roles or ("rpc",))],
                cwd=self.folder,
                env=os.environ | settings,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def beside(self) -> Toy:
        """Another one, with the same port."""
        other = Toy(self.folder)
        other.port, other.log = self.port, self.folder / "other"
        return other

    def asks(self, path: str) -> httpx.Response | None:
        try:
            return httpx.get(f"http://127.0.0.1:{self.admin}{path}", timeout=20)
        except httpx.TransportError:
            return None

    def ready(self) -> bool:
        found = self.asks("/readyz")
        return found is not None and found.status_code == 200

    def who(self) -> int:
        """The process that answers a new connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            return int(connection.recv(100))

    def serving(self, count: int) -> set[int]:
        """Ask until `count` processes have answered."""
        seen = set[int]()
        eventually(lambda: seen.add(self.who()) or len(seen) == count)  # type: ignore[func-returns-value]
        return seen

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.fixture
def parent(toy: Toy) -> Iterator[subprocess.Popen[bytes]]:
    process = toy.start("rpc", "worker")
    try:
        eventually(lambda: process.poll() is not None or toy.ready())
        assert process.poll() is None, toy.said()
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.prove
def test_workers_share_a_port_die_alone_and_drain_together(toy: Toy, parent: subprocess.Popen[bytes]) -> None:
    serving = toy.serving(2)
    family = {each.pid for each in psutil.Process(parent.pid).children()}
    assert serving < family and len(family) == 3, "two for the port, and one for the role without a port"

    other = toy.beside()
    assert other.start().wait(90) == 1
    assert other.said().splitlines() == [
        f"toy: the gRPC server cannot listen on 127.0.0.1:{toy.port}: another process listens there. "
        "Stop it, or set GRPC_PORT to a free port."
    ]

    victim, left = serving
    (toy.folder / "broken").touch()
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: toy.said().count("code=7") >= 2)
    assert "worker ended: starting another" in toy.said() and "code=-9" in toy.said()
    assert toy.ready() and toy.who() == left, "the other one goes on"
    (toy.folder / "broken").unlink()
    assert left in toy.serving(2)

    found = toy.asks("/metrics")
    assert found is not None
    page = {each.name: each for each in text_string_to_metric_families(found.text)}
    assert {one.labels["worker"] for one in page["toy_served"].samples} == {"1", "2", "worker"}
    assert {one.labels["worker"] for one in page["process_open_fds"].samples} == {
        "1",
        "2",
        "worker",
        "parent",
    }
    starts = [one.value for one in page["aether_worker_starts"].samples if one.name.endswith("total")]
    assert sorted(starts)[:2] == [1, 1] and max(starts) >= 4

    serving = toy.serving(2)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(60) == 0, toy.said()
    assert {int(file.name.partition("-")[2]) for file in toy.folder.glob("drained-*")} >= serving
    assert not any(psutil.pid_exists(pid) for pid in serving)


@pytest.mark.prove
def test_a_frozen_worker_is_replaced_and_all_end_with_a_parent_that_is_killed(
    toy: Toy, parent: subprocess.Popen[bytes]
) -> None:
    victim = min(toy.serving(2))
    os.kill(victim, signal.SIGSTOP)
    eventually(lambda: "worker is frozen: killing it" in toy.said())
    eventually(lambda: victim not in {each.pid for each in psutil.Process(parent.pid).children()})
    assert victim not in toy.serving(2)

    family = psutil.Process(parent.pid).children()
    parent.kill()
    gone, alive = psutil.wait_procs(family, timeout=30)
    assert (len(gone), alive) == (3, [])
    require_free(ServiceSettings(grpc_port=toy.port), "the gRPC server")


@pytest.mark.prove
def test_a_service_that_cannot_start_ends_with_its_message_and_code(toy: Toy) -> None:
    (toy.folder / "broken").touch()
    assert toy.start().wait(90) == 7
    assert "the service is broken" in toy.said()
    assert "worker did not start: stopping" in toy.said()


def test_a_port_is_kept_before_any_worker_listens() -> None:
    """Two parents that start at once must not share it."""
    settings = ServiceSettings(grpc_port=children.free_port())
    with (
        reserved(settings, "the gRPC server"),
        pytest.raises(CannotListen, match="another process listens there"),
    ):
        reserved(settings, "the gRPC server")


def test_metrics_of_workers_are_told_apart_and_each_is_described_once() -> None:
    class Two(Workers):
        def __init__(self) -> None:
            super().__init__([], grace=0)

        def families(self) -> Iterator[tuple[str, list[Any]]]:
            for worker, value in (("1", 3.0), ("2", float("inf"))):
                samples = [["toy_served_total", {"operation": "pay"}, value]]
                yield worker, json.loads(json.dumps([["toy_served", "Answers.", "counter", "", samples]]))

    registry = CollectorRegistry(auto_describe=False)
    registry.register(WorkerMetrics(Two()))
    lines = [line for line in generate_latest(registry).decode().splitlines() if "toy_served" in line]
    assert lines == [
        "# HELP toy_served_total Answers.",
        "# TYPE toy_served_total counter",
        'toy_served_total{operation="pay",worker="1"} 3.0',
        'toy_served_total{operation="pay",worker="2"} +Inf',
    ]
