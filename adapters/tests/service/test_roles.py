"""One process with some of a service's roles: what runs in it, and its worker number, kept for as long as it runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aether_adapters.ids import WorkerLease, worker_lease_table
from aether_adapters.observability.health import Health
from aether_adapters.service.process import Stop
from aether_adapters.service.roles import Process
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
        ServiceSettings(rpc_target=rpc_target), frozenset(roles), Health({}), WorkerLease(engine), parts
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
