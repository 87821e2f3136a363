"""One process with some of a service's roles: what runs in it, and its worker number, kept for as long as it runs."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import pytest
from aether_adapters.embedded import children
from aether_adapters.ids import WorkerLease, worker_lease_table
from aether_adapters.kernel.identity import Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest import RestApp
from aether_adapters.service.listening import PORTS, CannotListen, require_free
from aether_adapters.service.process import Stop
from aether_adapters.service.roles import GrpcServer, Process, RestServer, Runs
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.sql import connect
from sqlalchemy import Engine, MetaData, select

METADATA = MetaData()
LEASES = worker_lease_table(METADATA)


@dataclass(frozen=True)
class Noted:
    """Runs to its end at once, and leaves its name."""

    name: str
    ran: list[str]

    def run(self, _: Stop, /) -> None:
        self.ran.append(self.name)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path}/test.db")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def leases(engine: Engine) -> list[bool]:
    """For each worker number ever leased, whether it has been given back: its lease ends no later than now."""
    from aether_adapters.sql.database_clock import database_now

    with engine.begin() as connection:
        return list(connection.scalars(select(LEASES.c.expires_at <= database_now())))


def process(engine: Engine, ran: list[str], *roles: str, rpc_target: str = "") -> Process:
    parts = {name: Noted(name, ran) for name in ("grpc", "revocations")}
    return Process(
        ServiceSettings(rpc_target=rpc_target, service_key="private.pem"),
        frozenset(roles),
        Health({}),
        WorkerLease(engine),
        parts,
    )


def test_a_process_runs_each_of_its_parts_once(engine: Engine) -> None:
    ran = list[str]()
    assert process(engine, ran, "rpc").run() == 0
    assert sorted(ran) == ["grpc", "revocations"]


@pytest.mark.parametrize(
    ("roles", "rpc_target", "leased"),
    [
        (("rpc",), "", [True]),
        (("api",), "", [True]),
        (("api",), "127.0.0.1:9090", []),
        (("worker",), "", []),
    ],
)
def test_where_use_cases_run_a_worker_number_is_leased_and_given_back(
    roles: tuple[str, ...], rpc_target: str, leased: list[bool], engine: Engine
) -> None:
    assert process(engine, [], *roles, rpc_target=rpc_target).run() == 0
    assert leases(engine) == leased


def test_without_its_database_a_process_starts_all_the_same(tmp_path: Path) -> None:
    ran = list[str]()
    nowhere = connect("mysql+pymysql://root@127.0.0.1:9/none")
    assert process(nowhere, ran, "rpc").run() == 0
    assert sorted(ran) == ["grpc", "revocations"]


PROGRAM = """
    import os, signal, sys
    from aether_adapters.observability.health import Health
    from aether_adapters.ids import WorkerLease
    from aether_adapters.service.roles import Process
    from aether_adapters.service.settings import ServiceSettings
    from aether_adapters.sql import connect
    from sqlalchemy import event

    engine = connect(sys.argv[1])

    @event.listens_for(engine, "commit", once=True)
    def leased(_connection):
        os.kill(os.getpid(), signal.SIGTERM)

    class Idle:
        def run(self, stop):
            stop.wait()
            print("asked to stop", flush=True)

    parts = {"grpc": Idle()}
    sys.exit(Process(ServiceSettings(), {"rpc"}, Health({}), WorkerLease(engine), parts).run())
"""


def test_a_signal_that_comes_with_the_worker_number_still_gives_it_back(engine: Engine) -> None:
    """It came once between the lease and the handlers, and the number was lost for the rest of its term."""
    address = engine.url.render_as_string(hide_password=False)
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "asked to stop\n"), (
        ended.stderr or signal.Signals(-ended.returncode).name
    )
    assert leases(engine) == [True]


def test_a_frozen_database_keeps_no_port_closed(tmp_path: Path) -> None:
    """It accepts connections and says nothing; once it was waited for half a minute, and liveness killed the process."""
    seen = list[int | list[str]]()
    health = Health({}, keep=0.0)

    @dataclass(frozen=True)
    class Asks:
        def run(self, _: Stop, /) -> None:
            seen.append(httpx.get(f"http://127.0.0.1:{admin}/healthz", timeout=20).status_code)
            seen.append(httpx.get(f"http://127.0.0.1:{admin}/readyz", timeout=20).json()["values"]["away"])

    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = connect(f"mysql+pymysql://root@127.0.0.1:{silent.getsockname()[1]}/none")
        admin = children.free_port()
        number = WorkerLease(database)
        health = Health({"worker_number": number.probe})
        process = Process(
            ServiceSettings(admin_port=admin), frozenset({"rpc"}), health, number, {"grpc": Asks()}
        )
        begun = time.monotonic()
        assert process.run() == 0
    assert seen == [200, ["worker_number"]]
    assert time.monotonic() - begun < 25, "an attempt to lease a number has a deadline"


@pytest.mark.parametrize(
    ("server", "prefix"), [("REST server", "rest"), ("gRPC server", "grpc"), ("admin port", "admin")]
)
def test_a_port_that_is_taken_is_said_in_a_sentence_before_anything_runs(
    server: str, prefix: str, engine: Engine
) -> None:
    ran = list[str]()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = ServiceSettings.model_validate({f"{prefix}_port": port})
        opens: dict[str, Runs] = {
            "rest": RestServer(settings, cast("RestApp", None)),
            "grpc": GrpcServer(settings, [], ErrorTable("billing", {}), verify, Health({})),
        }
        parts = {"other": Noted("other", ran)} | {name: opens[name] for name in opens if name == prefix}
        process = Process(settings, frozenset({"rpc"}), Health({}), WorkerLease(engine), parts)
        with pytest.raises(CannotListen) as refused:
            process.run()
    assert str(refused.value) == (
        f"the {server} cannot listen on 127.0.0.1:{port}: another process listens there. "
        f"Stop it, or set {prefix.upper()}_PORT to a free port."
    )
    assert (ran, leases(engine)) == ([], [])


@pytest.mark.parametrize("prefix", ["rest", "grpc", "admin"])
def test_an_address_that_the_machine_has_not_is_said_too(prefix: str, engine: Engine) -> None:
    settings = ServiceSettings.model_validate({f"{prefix}_host": "192.0.2.1", f"{prefix}_port": 8443})
    server = next(name for name, its in PORTS.items() if its == prefix)
    with pytest.raises(CannotListen, match=f"no such address. Correct {prefix.upper()}_HOST."):
        require_free(settings, server)


def verify(_: str) -> Identity:
    raise AssertionError("nothing calls")
