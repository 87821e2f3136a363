"""Contract suite of readiness: how a service behaves while its servers are away."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx
import pytest

from aether_adapters import sql
from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.embedded.children import free_port

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30
_SERVERS_NEED: Final = frozenset({"keys", "revocations"})
"""What every server asks for; whether the keys can be read depends on the domain's variables."""
_LEASES_IN_FORCE: Final = "SELECT expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now') FROM worker_leases"


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of a service that has a database of its own, and no other server.

    `prefix` is that of its variables, such as TRADE. `redis_port` is where Redis would be.
    """

    monkeypatch: pytest.MonkeyPatch
    folder: Path
    prefix: str
    redis_port: int = field(default_factory=free_port)

    def prepare(self, migrations: Path, variables: Mapping[str, str]) -> None:
        """Make the database, and set what every service needs and `variables`, which are named without the prefix."""
        url = f"sqlite:///{self.database}"
        sql.migrate(url, migrations)
        self.set(
            DATABASE_URL=url,
            REDIS_URL=f"redis://127.0.0.1:{self.redis_port}/0",
            KAFKA_BOOTSTRAP=nowhere(),
            **{"JWKS": str(DevelopmentKeys(self.folder).ensure().jwks), **variables},
        )

    @property
    def database(self) -> Path:
        """The file of the SQLite database."""
        return self.folder / "test.db"

    def set(self, **variables: str) -> None:
        """Set variables, which are named without the prefix, until the test ends."""
        for name, value in variables.items():
            self.monkeypatch.setenv(f"{self.prefix}_{name}", value)


def nowhere() -> str:
    """Return an address (host:port) where nothing listens."""
    return f"127.0.0.1:{free_port()}"


class ReadinessSuite:
    """Subclass it as `TestReadiness`, with the domain's own cases as methods.

    `package` is run as the service, and `prefix` is that of its variables. `required` names the probes, besides the
    database, that must succeed before use cases run; the worker needs Kafka too.
    """

    package: ClassVar[str]
    prefix: ClassVar[str]
    script_location: ClassVar[Path]
    container_type: ClassVar[type[Any]]
    required: ClassVar[frozenset[str]] = frozenset()

    def variables(self, folder: Path) -> dict[str, str]:  # noqa: ARG002 - of subclasses
        """Return the domain's own variables, which are named without the prefix. Files may go to `folder`."""
        return {}

    @pytest.fixture
    def environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
        """A database of its own, and no other server."""
        environment = Environment(monkeypatch, tmp_path, self.prefix)
        environment.prepare(self.script_location, self.variables(tmp_path))
        return environment

    @pytest.fixture
    def container(self, environment: Environment) -> Iterator[Any]:  # noqa: ARG002 - it reads the variables
        """The domain's container, in the role rpc."""
        container = self.container_type(roles=frozenset({"rpc"}))
        yield container
        container.backing().worker_number.stop()
        container.backing().database.dispose()

    def test_a_process_leases_a_worker_number_at_its_start_and_gives_it_back(
        self, environment: Environment
    ) -> None:
        """The first id must not have to lease one: that would be a transaction inside another."""
        admin = free_port()
        environment.set(GRPC_PORT="0", ADMIN_PORT=str(admin), DRAIN_SECONDS="0")
        process = subprocess.Popen(  # noqa: S603 - the service that is tested
            [sys.executable, "-m", self.package, "rpc"],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

        def leased() -> list[tuple[int]]:
            with closing(sqlite3.connect(environment.database)) as connection:
                return connection.execute(_LEASES_IN_FORCE).fetchall()

        try:
            ends = time.monotonic() + _START_SECONDS
            while not _serves(admin) or leased() != [(1,)]:
                assert process.poll() is None
                assert time.monotonic() < ends
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(_STOP_SECONDS) == 0
            assert leased() == [(0,)]
        finally:
            process.kill()
            process.wait()

    def test_each_role_asks_for_the_servers_it_cannot_do_without(self, environment: Environment) -> None:
        def away(*roles: str) -> set[str]:
            container = self.container_type(roles=frozenset(roles))
            results = container.process().health.check()
            hears = {"revocations"} if container.servers().revocations is not None else set()
            served = not {"api", "rpc"}.isdisjoint(roles)
            assert results.keys() & _SERVERS_NEED == ({"keys"} | hears if served else set())
            assert not (served and hears and results["revocations"].ok), "nothing was heard without Kafka"
            away = {name for name, result in results.items() if not result.ok}
            return away - _SERVERS_NEED - {"worker_number"}  # a process that runs leases it

        assert away("api") == away("rpc") == self.required
        assert away("worker") == away("api", "rpc", "worker") == self.required | {"kafka"}
        environment.set(RPC_TARGET=nowhere(), SERVICE_KEY="private.pem")
        assert away("api") == {"rpc"}
        environment.set(DATABASE_URL="mysql+pymysql://root@127.0.0.1:9/none")
        assert away("rpc") == self.required | {"database"}


def _serves(admin: int) -> bool:
    """Return whether the roles run; from then on a signal stops the process in order."""
    try:
        return httpx.get(f"http://127.0.0.1:{admin}/healthz").status_code == 200
    except httpx.TransportError:
        return False
