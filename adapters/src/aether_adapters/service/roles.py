"""What the roles of a service run: its two servers, and the process around them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from aether_adapters import grpc, rest
from aether_adapters.ids import WorkerLease
from aether_adapters.kernel.identity import Verify
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest.server import listen, serve_on
from aether_adapters.rest.tls_listener import Context
from aether_adapters.service.admin import AdminServer, routes_of
from aether_adapters.service.listening import announce, explained
from aether_adapters.service.process import Stop, run_roles, stop_on_signals
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.service.worker_link import Place, answer_parent, take_place

REVOCATIONS: Final = "revocations"
"""The part that hears of revoked tokens; it ends after the servers, which verify tokens until then."""
_STOP_SECONDS: Final = 5.0
"""What a process may take to stop beyond the time that its requests have."""


class Runs(Protocol):
    """Something that runs until it is stopped: a server, a relay, a consumer, a periodic task."""

    def run(self, stop: Stop, /) -> None:
        """Return soon after `stop` is set; an exception ends the process."""
        ...


@runtime_checkable
class Opens(Protocol):
    """A server, whose address is bound before anything runs: on a port that is taken, the process does not start."""

    def open(self, place: Place | None, /) -> Runs:
        """Bind the address, or share it as a worker with a `place`; return what serves there. Raises `CannotListen`."""
        ...


@dataclass(frozen=True, slots=True)
class RestServer:
    """Serves the REST API on the address in the settings."""

    settings: ServiceSettings
    app: rest.RestApp
    tls: Context | None = None

    def open(self, place: Place | None = None, /) -> Runs:
        """Bind the address, or share it as a worker. Raises `CannotListen`."""
        port = self.settings.rest_port if place is None else place.ports["rest"]
        with explained(self.settings, "the REST server"):
            listener = listen(self.settings.rest_host, port, reuse_port=place is not None)
        if place is None:  # the parent of workers says it once
            announce(self.settings, "the REST server", listener.getsockname()[1])
        return _OpenRest(self.app, listener, self.tls)

    def run(self, stop: Stop, /) -> None:
        """Serve until `stop` is set, then for as long as the settings say. Raises `CannotListen`."""
        self.open().run(stop)


@dataclass(frozen=True, slots=True)
class _OpenRest:
    app: rest.RestApp
    listener: socket.socket
    tls: Context | None

    def run(self, stop: Stop, /) -> None:
        with self.listener:
            serve_on(self.app, self.listener, stop, tls=self.tls)


@dataclass(frozen=True, slots=True)
class GrpcServer:
    """Serves gRPC on the address in the settings."""

    settings: ServiceSettings
    services: Sequence[grpc.Service]
    errors: ErrorTable
    verify: Verify
    health: Health
    limits: rest.Limits | None = None

    def open(self, place: Place | None = None, /) -> Runs:
        """Bind the address, or share it as a worker. Raises `CannotListen`."""
        port = self.settings.grpc_port if place is None else place.ports["grpc"]
        with explained(self.settings, "the gRPC server"):
            server = grpc.Server(
                self.services,
                errors=self.errors,
                verify=self.verify,
                health=self.health,
                limits=self.limits,
                address=f"{self.settings.grpc_host}:{port}",
                share_port=place is not None,
                threads=self.settings.threads,
                queue=self.settings.queue,
                deadline=self.settings.deadline_seconds,
                message_limit=self.settings.body_limit,
                calls_per_address=self.settings.grpc_calls_per_address,
                connections=self.settings.grpc_connections,
                reflection=self.settings.grpc_reflection,
                access_log=self.settings.access_log,
                tls=self.settings.grpc_server_tls,
            )
        if place is None:
            announce(self.settings, "the gRPC server", server.port)
        return _OpenGrpc(server, self.settings)

    def run(self, stop: Stop, /) -> None:
        """Serve until `stop` is set, then for as long as the settings say. Raises `CannotListen`."""
        self.open().run(stop)


@dataclass(frozen=True, slots=True)
class _OpenGrpc:
    server: grpc.Server
    settings: ServiceSettings

    def run(self, stop: Stop, /) -> None:
        self.server.start()
        stop.wait()
        self.server.stop(self.settings.grace_seconds, drain=self.settings.drain_seconds)


@dataclass(frozen=True, slots=True)
class Process:
    """One process with some of the roles; `parts` maps names to what runs in it."""

    settings: ServiceSettings
    roles: Collection[str]
    health: Health
    worker_number: WorkerLease
    parts: Mapping[str, Runs]
    admin_tls: Context | None = None

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a part fails; return the exit code of `run_roles`.

        Ports are bound first, and open before anything else is asked for: without its database the service starts
        nevertheless, not ready, and an orchestrator has no reason to kill it. Raises `CannotListen`.
        """
        settings = self.settings
        place = take_place()
        with stop_on_signals() as stop:
            admin = self._admin() if place is None else None  # a worker's parent owns the admin port
            opened = {
                name: part.open(place) if isinstance(part, Opens) else part
                for name, part in self.parts.items()
            }
            if place is not None:
                answer_parent(place, self.health)
            works = {name: part.run for name, part in opened.items()}
            # Begins to read keys: the first token must not be the first to want them.
            threading.Thread(target=self.health.check, name="first-probes", daemon=True).start()
            try:
                if self._issues_ids:
                    # Before the first call: otherwise the first id would lease a number inside a unit of work.
                    self.worker_number.begin()
                return run_roles(
                    works,
                    works,
                    grace=settings.drain_seconds + settings.grace_seconds + _STOP_SECONDS,
                    health=self.health,
                    admin=admin,
                    last=(REVOCATIONS,),
                    stop=stop,
                )
            finally:
                # Give the number back, so that a restart need not wait for the end of the term.
                self.worker_number.stop()

    def _admin(self) -> AdminServer | None:
        settings = self.settings
        if not settings.admin_port:
            return None
        with explained(settings, "the admin port"):
            admin = AdminServer(
                routes_of(self.health), settings.admin_host, settings.admin_port, self.admin_tls
            )
        announce(settings, "the admin port", admin.port)
        return admin

    @property
    def _issues_ids(self) -> bool:
        return "rpc" in self.roles or ("api" in self.roles and self.settings.arrangement == "in_process")
