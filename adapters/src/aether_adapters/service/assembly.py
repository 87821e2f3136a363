"""Assembles the process of a service: servers, health and worker number follow from settings and roles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Generic, Protocol, Self, TypeVar

from aether_adapters import grpc, kafka, sql
from aether_adapters.kernel.identity import Verify
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health, Probe, readiness
from aether_adapters.rest import Limits, Offload, Operation, build_app
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.roles import GrpcServer, Process, RestServer, Runs
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.service.wiring import rest_options

Made = TypeVar("Made", covariant=True)
Port = TypeVar("Port")
AsyncPort = TypeVar("AsyncPort")
Port_in = TypeVar("Port_in", contravariant=True)
AsyncPort_in = TypeVar("AsyncPort_in", contravariant=True)
AsyncPort_out = TypeVar("AsyncPort_out", covariant=True)

_NEEDED_BY: Final = frozenset({"use_cases", "worker", "gateway"})

Make = Callable[[], Made]
"""Makes an object that only some roles need; a process without those roles never calls it."""


class GrpcModule(Protocol[Port_in, AsyncPort_out]):
    """What `generate` writes into a contract's `grpc.py`."""

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

    def __deepcopy__(self, _memo: object) -> Self:
        """Itself: a container copies what it was declared with, and modules cannot be copied."""
        return self


@dataclass(frozen=True, slots=True)
class Servers(Generic[Port, AsyncPort]):
    """The parts that the servers of a domain are built from: edges, use cases, token verifier and limits.

    `service` is called only where the use cases run. `revocations` run beside either server, so that both refuse a
    revoked token; `limits` are those of the REST server.
    """

    edges: Edges[Port, AsyncPort]
    service: Make[Port]
    verifier: Make[Verify]
    limits: Make[Limits] | None = None
    revocations: Make[Runs] | None = None

    def behind_rest(self, settings: ServiceSettings) -> AsyncPort:
        """Return the port that the REST edge calls: use cases in threads of this process, or a client of the rpc role."""
        if settings.arrangement == "gateway":
            channel = grpc.AsyncChannel(settings.rpc_target, timeout=settings.deadline_seconds)
            return self.edges.grpc.async_client(channel)
        return self.edges.threads.in_threads(self.service(), Offload(settings.threads, settings.queue))

    def rest(self, settings: ServiceSettings, health: Health) -> RestServer:
        """Build the REST server. Raises what `build_app` raises."""
        app = build_app(
            self.edges.rest.CONTRACT,
            self.edges.rest.operations(self.behind_rest(settings)),
            errors=self.edges.errors,
            verify=self.verifier(),
            health=health,
            options=rest_options(settings),
            limits=self.limits() if self.limits is not None else None,
        )
        return RestServer(settings, app)

    def grpc(self, settings: ServiceSettings, health: Health) -> GrpcServer:
        """Build the gRPC server."""
        services = [self.edges.grpc.service(self.service())]
        return GrpcServer(settings, services, self.edges.errors, self.verifier(), health)


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
    database for use cases; database and Kafka for a worker; the rpc role for a gateway; and `needs`, further probes
    under the names of the parameters of `readiness` (`use_cases`, `worker`, `gateway`). Raises `ValueError`
    for another name in `needs`, and if a part of the worker has the name of a server.
    """
    settings = backing.settings
    health = _health(backing, roles, needs)
    parts: dict[str, Runs] = {}
    if "api" in roles:
        parts["rest"] = servers.rest(settings, health)
    if "rpc" in roles:
        parts["grpc"] = servers.grpc(settings, health)
    if parts and servers.revocations is not None:
        parts["revocations"] = servers.revocations()
    if "worker" in roles:
        taken = sorted(parts.keys() & worker.keys())
        if taken:
            raise ValueError(f"worker part {', '.join(taken)}: the servers have that name; choose another")
        parts |= {name: make() for name, make in worker.items()}
    return Process(settings, roles, health, backing.worker_number, parts)


def _health(
    backing: BackingServices, roles: Collection[str], needs: Mapping[str, Mapping[str, Make[Probe]]]
) -> Health:
    unknown = sorted(needs.keys() - _NEEDED_BY)
    if unknown:
        raise ValueError(f"needs of {', '.join(unknown)}: there are {', '.join(sorted(_NEEDED_BY))}")
    settings = backing.settings
    database: dict[str, Make[Probe]] = {"database": lambda: sql.probe(backing.database)}
    broker: dict[str, Make[Probe]] = {"kafka": lambda: kafka.probe(settings.kafka_bootstrap)}
    rpc: dict[str, Make[Probe]] = {"rpc": lambda: grpc.probe(settings.rpc_target)}
    return readiness(
        roles,
        settings.arrangement,
        use_cases={**database, **needs.get("use_cases", {})},
        worker={**database, **broker, **needs.get("worker", {})},
        gateway={**rpc, **needs.get("gateway", {})},
    )
