"""The roles of a service at work: its two doors, and one process that runs what belongs to some of the roles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from aether_adapters import grpc, rest
from aether_adapters.ids import WorkerLease
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.identity import Verify
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.service.process import Stop, run_roles, stop_on_signals
from aether_adapters.service.settings import ServiceSettings


class Runs(Protocol):
    """Something that works until it is told to stop: a door, a relay, a consumer, periodic work."""

    def run(self, stop: Stop, /) -> None:
        """Return soon after `stop` is set; what is raised ends the process."""
        ...


@dataclass(frozen=True, slots=True)
class RestServer:
    """The REST edge, on the address of the settings while it runs."""

    settings: ServiceSettings
    app: rest.RestApp

    def run(self, stop: Stop, /) -> None:
        """Serve until told to stop; raises `OSError` where the address cannot be had."""
        rest.serve(self.app, self.settings.rest_host, self.settings.rest_port, stop)


@dataclass(frozen=True, slots=True)
class GrpcServer:
    """The gRPC server, on the address of the settings while it runs."""

    settings: ServiceSettings
    services: Sequence[grpc.Service]
    errors: ErrorTable
    verify: Verify
    health: Health

    def run(self, stop: Stop, /) -> None:
        """Serve until told to stop; raises `RuntimeError` where the address cannot be had."""
        server = grpc.Server(
            self.services,
            errors=self.errors,
            verify=self.verify,
            health=self.health,
            address=f"{self.settings.grpc_host}:{self.settings.grpc_port}",
            threads=self.settings.threads,
            queue=self.settings.queue,
            deadline=self.settings.deadline_seconds,
            message_limit=self.settings.body_limit,
        )
        server.start()
        stop.wait()
        server.stop()


@dataclass(frozen=True, slots=True)
class Process:
    """One process with some of the roles; `parts` are what runs in it, by name."""

    settings: ServiceSettings
    roles: Collection[str]
    health: Health
    worker_number: WorkerLease
    parts: Mapping[str, Runs]

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until something in it dies; the process's exit code, as of `run_roles`."""
        works = {name: part.run for name, part in self.parts.items()}
        with stop_on_signals() as stop:
            try:
                if self._issues_ids:
                    # Before anybody calls: the first id must not be what leases a number, inside a unit of work. Where
                    # the database is away the service starts all the same, not ready, and the first id leases.
                    with suppress(Unavailable):
                        self.worker_number.start()
                return run_roles(
                    works, works, health=self.health, admin_port=self.settings.admin_port, stop=stop
                )
            finally:
                # Given back, so that a restart need not wait for its term to end; it ends without us too.
                self.worker_number.stop()

    @property
    def _issues_ids(self) -> bool:
        return "rpc" in self.roles or ("api" in self.roles and self.settings.arrangement == "in_process")
