"""Assembles the process of a service: servers, health and worker number follow from settings and roles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from aether_adapters import grpc, kafka, sql
from aether_adapters.kernel.identity import Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.observability.certificates import ServerContext
from aether_adapters.observability.health import Health, Probe, readiness
from aether_adapters.rest import InFlight, Limits, Offload, Operation, build_app
from aether_adapters.service.audit import recorded
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.roles import REVOCATIONS, GrpcServer, Process, RestServer, Runs
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.service.wiring import async_rpc_channel, rest_options

Made = TypeVar("Made", covariant=True)
Port = TypeVar("Port")
AsyncPort = TypeVar("AsyncPort")
Port_in = TypeVar("Port_in", contravariant=True)
AsyncPort_in = TypeVar("AsyncPort_in", contravariant=True)
AsyncPort_out = TypeVar("AsyncPort_out", covariant=True)

GATEWAY_QUEUE: Final = 1024
"""Calls that may wait in a gateway; each is a few kilobytes of memory and holds no thread."""
_NEEDED_BY: Final = frozenset({"use_cases", "worker", "gateway"})


class VerifiesTokens(Protocol):
    """Verifies tokens, such as `auth.tokens.Verifier`."""

    def __call__(self, token: str, /) -> Identity:
        """Return the identity of a valid token; raises `Unauthenticated`."""
        ...

    def probe(self) -> None:
        """Raise `Unavailable` if tokens cannot be verified yet."""
        ...


class Listens(Runs, Protocol):
    """Hears revocations for as long as it runs, such as `service.revocations.RevocationListener`."""

    def probe(self) -> None:
        """Raise `Unavailable` until the past ones have been heard."""
        ...


Make = Callable[[], Made]
"""Makes an object that only some roles need; a process without those roles never calls it."""


class GrpcModule(Protocol[Port_in, AsyncPort_out]):
    """What `generate` writes into a contract's `grpc.py`."""

    @property
    def METHODS(self) -> tuple[grpc.Method[Any, Any], ...]:  # noqa: N802 - a constant of the module
        """The methods of the service."""
        ...

    def service(self, port: Port_in, /) -> grpc.Service:
        """The gRPC service in front of `port`."""
        ...

    def async_client(self, channel: grpc.AsyncChannel, /) -> AsyncPort_out:
        """The port as a client at the other end of `channel`."""
        ...


class ThreadsModule(Protocol[Port_in, AsyncPort_out]):
    """What `generate` writes into a contract's `threads.py`."""

    def in_threads(self, service: Port_in, offload: Offload, /) -> AsyncPort_out:
        """The port, each call in a thread of `offload`."""
        ...


class RestModule(Protocol[AsyncPort_in]):
    """What `generate` writes into the REST module of a domain."""

    @property
    def CONTRACT(self) -> Path:  # noqa: N802 - a constant of the module
        """The OpenAPI file."""
        ...

    def operations(self, service: AsyncPort_in, /) -> tuple[Operation, ...]:
        """One operation for each in the OpenAPI file, all in front of `service`."""
        ...


class Edges(Generic[Port, AsyncPort]):
    """The generated edges of one domain, and the table that translates its errors at both.

    A type checker refuses modules of two domains: their ports differ.
    """

    def __init__(
        self,
        *,
        grpc: GrpcModule[Port, AsyncPort],
        threads: ThreadsModule[Port, AsyncPort],
        rest: RestModule[AsyncPort],
        errors: ErrorTable,
    ) -> None:
        self.grpc = grpc
        self.threads = threads
        self.rest = rest
        self.errors = errors

    @property
    def service_name(self) -> str:
        """The name of the service in its own tokens: `acme-billing` for the package acme.billing.v1."""
        for method in self.grpc.METHODS:
            return "-".join(method.path.removeprefix("/").split(".")[:2])
        return self.errors.domain

    def __deepcopy__(self, _memo: object) -> Self:
        """Itself: a container copies what it was declared with, and modules cannot be copied."""
        return self


@dataclass(frozen=True, slots=True)
class Servers(Generic[Port, AsyncPort]):
    """The parts that the servers of a domain are built from: edges, use cases, token verifier and limits.

    `service` is called only where the use cases run. `revocations` run beside either server, so that both refuse a
    revoked token; `limits` are those of both.
    """

    edges: Edges[Port, AsyncPort]
    service: Make[Port]
    verifier: Make[VerifiesTokens]
    limits: Make[Limits] | None = None
    revocations: Make[Listens] | None = None

    def use_cases(self) -> Port:
        """Return the use cases, of which those that the contract marks write the audit log."""
        return recorded(self.service(), self.edges.errors)

    def behind_rest(self, settings: ServiceSettings, offload: Offload | None = None) -> AsyncPort:
        """Return the port that the REST edge calls: use cases in threads of this process, or a client of the rpc role."""
        if settings.arrangement == "gateway":
            return self.edges.grpc.async_client(async_rpc_channel(settings, self.edges.service_name))
        return self.edges.threads.in_threads(
            self.use_cases(), offload or Offload(settings.threads, settings.queue)
        )

    def rest(self, settings: ServiceSettings, health: Health) -> RestServer:
        """Build the REST server. Raises what `build_app` raises, and `UnusableFiles` for its TLS."""
        if settings.arrangement == "gateway":
            in_flight = InFlight(queue=GATEWAY_QUEUE)
            port = self.behind_rest(settings)
        else:
            offload = Offload(settings.threads, settings.queue)
            port = self.behind_rest(settings, offload)
            in_flight = InFlight(behind=offload.admits)
        operations = in_flight.limited(self.edges.rest.operations(port))
        app = build_app(
            self.edges.rest.CONTRACT,
            operations,
            errors=self.edges.errors,
            verify=self.verifier(),
            health=health,
            options=rest_options(settings),
            limits=self._limits(),
            admission=in_flight,
        )
        return RestServer(settings, app, _server_context("rest", "the REST server", settings.rest_tls))

    def grpc(self, settings: ServiceSettings, health: Health) -> GrpcServer:
        """Build the gRPC server."""
        services = [self.edges.grpc.service(self.use_cases())]
        return GrpcServer(settings, services, self.edges.errors, self.verifier(), health, self._limits())

    def _limits(self) -> Limits | None:
        return None if self.limits is None else self.limits()


def assemble(
    backing: BackingServices,
    roles: Collection[str],
    servers: Servers[Port, AsyncPort],
    worker: Mapping[str, Make[Runs]],
    *,
    needs: Mapping[str, Mapping[str, Make[Probe]]] = MappingProxyType({}),
) -> Process:
    """Build a process with `roles` and only what these need. Connect to nothing.

    `worker` holds what the worker role runs, by name. Readiness probes what the roles cannot work without: the
    database for use cases; database and Kafka for a worker; the rpc role for a gateway; keys and revocations of tokens
    for both servers; and `needs`, further probes under the names of the parameters of `readiness` (`use_cases`,
    `worker`, `gateway`). Raises `ValueError` for another name in `needs`, and if a part of the worker has the name of a
    server.
    """
    settings = backing.settings
    checks: dict[str, Make[Probe]] = {}
    parts: dict[str, Runs] = {}
    if "api" in roles or "rpc" in roles:
        verifier = servers.verifier()
        checks["keys"] = lambda: verifier.probe
        if servers.revocations is not None:
            revocations = servers.revocations()
            parts[REVOCATIONS] = revocations
            checks["revocations"] = lambda: revocations.probe
    health = _health(backing, roles, needs, checks)
    if "api" in roles:
        parts["rest"] = servers.rest(settings, health)
    if "rpc" in roles:
        parts["grpc"] = servers.grpc(settings, health)
    if "worker" in roles:
        taken = sorted(parts.keys() & worker.keys())
        if taken:
            raise ValueError(f"worker part {', '.join(taken)}: the servers have that name; choose another")
        parts |= {name: make() for name, make in worker.items()}
    admin_tls = _server_context("admin", "the admin server", settings.admin_tls)
    return Process(settings, roles, health, backing.worker_number, parts, admin_tls)


def _server_context(use: str, server: str, files: TlsFiles) -> ServerContext | None:
    return ServerContext.of(use, server, files) if files else None


def _health(
    backing: BackingServices,
    roles: Collection[str],
    needs: Mapping[str, Mapping[str, Make[Probe]]],
    checks: Mapping[str, Make[Probe]],
) -> Health:
    unknown = sorted(needs.keys() - _NEEDED_BY)
    if unknown:
        raise ValueError(f"needs of {', '.join(unknown)}: there are {', '.join(sorted(_NEEDED_BY))}")
    settings = backing.settings
    database: dict[str, Make[Probe]] = {"database": lambda: sql.probe(backing.database)}
    number: dict[str, Make[Probe]] = {"worker_number": lambda: backing.worker_number.probe}
    broker: dict[str, Make[Probe]] = {"kafka": lambda: kafka.probe(backing.kafka)}
    rpc: dict[str, Make[Probe]] = {
        "rpc": lambda: grpc.probe(settings.rpc_target, tls=settings.grpc_channel_tls)
    }
    return readiness(
        roles,
        settings.arrangement,
        use_cases={**database, **number, **needs.get("use_cases", {})},
        worker={**database, **broker, **needs.get("worker", {})},
        gateway={**rpc, **needs.get("gateway", {})},
        servers=checks,
    )
