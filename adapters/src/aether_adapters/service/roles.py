"""What the roles of a service run: its two servers, and the process around them."""

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
    """Something that runs until it is stopped: a server, a relay, a consumer, a periodic task."""

    def run(self, stop: Stop, /) -> None:
        """Return soon after `stop` is set; an exception ends the process."""
        ...


@dataclass(frozen=True, slots=True)
class RestServer:
    """Serves the REST API on the address in the settings."""

    settings: ServiceSettings
    app: rest.RestApp

    def run(self, stop: Stop, /) -> None:
        """Serve until `stop` is set. Raises `OSError` if the address is not available."""
        rest.serve(self.app, self.settings.rest_host, self.settings.rest_port, stop)


@dataclass(frozen=True, slots=True)
class GrpcServer:
    """Serves gRPC on the address in the settings."""

    settings: ServiceSettings
    services: Sequence[grpc.Service]
    errors: ErrorTable
    verify: Verify
    health: Health

    def run(self, stop: Stop, /) -> None:
        """Serve until `stop` is set. Raises `RuntimeError` if the address is not available."""
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
    """One process with some of the roles; `parts` maps names to what runs in it."""

    settings: ServiceSettings
    roles: Collection[str]
    health: Health
    worker_number: WorkerLease
    parts: Mapping[str, Runs]

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a part fails; return the exit code of `run_roles`."""
        works = {name: part.run for name, part in self.parts.items()}
        with stop_on_signals() as stop:
            try:
                if self._issues_ids:
                    # Before the first call: otherwise the first id would lease a number inside a unit of work. Without
                    # its database the service starts nevertheless, not ready, and the first id leases the number.
                    with suppress(Unavailable):
                        self.worker_number.start()
                return run_roles(
                    works, works, health=self.health, admin_port=self.settings.admin_port, stop=stop
                )
            finally:
                # Give the number back, so that a restart need not wait for the end of the term.
                self.worker_number.stop()

    @property
    def _issues_ids(self) -> bool:
        return "rpc" in self.roles or ("api" in self.roles and self.settings.arrangement == "in_process")
