"""What a run consists of: which processes, with which roles, ports and settings. Starts nothing.

A domain migrates in the process that serves it: starting one more would cost as much as all its imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from aether_tools.development import Companion, development
from aether_tools.runner.ports import GRPC_ABOVE_REST, HOST, REST_BASE, Ports
from aether_tools.workspace import ISSUER, PRIVATE_KEY, Domain, Workspace


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers behind the domains. `databases` holds one URL for each domain, by its name."""

    databases: Mapping[str, str]
    redis: str
    kafka: str


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a domain; `health` is the address of its /readyz, `grpc` the gRPC port it opens (0: none)."""

    name: str
    domain: Domain
    roles: tuple[str, ...]
    health: int
    grpc: int
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Beside:
    """The process of a companion: `command` as it is run, the loopback `port` it listens on, what it is told."""

    name: str
    command: tuple[str, ...]
    port: int
    env: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where it can be reached."""
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True, slots=True)
class Served:
    """Where one domain can be reached, and what stands beside it."""

    domain: Domain
    rest: str
    docs: str
    grpc: str
    companions: tuple[Beside, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    served: tuple[Served, ...]
    processes: tuple[Process, ...]

    @property
    def companions(self) -> tuple[Beside, ...]:
        """Those of all domains."""
        return tuple(companion for served in self.served for companion in served.companions)


def plan(
    workspace: Workspace,
    domains: Sequence[Domain],
    servers: Servers,
    ports: Ports,
    *,
    gateway: bool,
    port_base: int | None,
    jwks: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Lay the run out. The n-th domain of the workspace has the n-th port, whichever of them run; with `port_base` 0 any.

    What `environment` says goes before a domain's development settings, and no companion is started whose address it
    says.
    """
    first = REST_BASE if port_base is None else port_base
    order = {domain.name: at for at, domain in enumerate(workspace.domains())}
    rest = {domain.name: ports.take(first and first + order[domain.name]) for domain in domains}
    grpc = {
        domain.name: ports.take(first and first + GRPC_ABOVE_REST + order[domain.name]) for domain in domains
    }
    published = {
        name: f"http://{HOST}:{rest[name]}{path}" for name, path in workspace.key_sets.items() if name in rest
    }
    targets = {f"{name.upper()}_TARGET": f"{HOST}:{port}" for name, port in grpc.items()}

    processes: list[Process] = []
    beside: dict[str, tuple[Beside, ...]] = {}
    for domain in domains:
        name = domain.name
        fields = {
            "DATABASE_URL": servers.databases[name],
            "REDIS_URL": servers.redis,
            "KAFKA_BOOTSTRAP": servers.kafka,
            "REST_HOST": HOST,
            "REST_PORT": str(rest[name]),
            "GRPC_HOST": HOST,
            "GRPC_PORT": str(grpc[name]),
            # The development keys first, then those of whoever signs in users; a domain knows its own.
            "JWKS": " ".join([str(jwks), *(url for owner, url in published.items() if owner != name)]),
            "SERVICE_KEY": str(jwks.with_name(PRIVATE_KEY)),
            "TOKEN_ISSUER": ISSUER,
            "TOKEN_AUDIENCE": workspace.name,
            "LOG_FORMAT": "console",
            # Where the other domains of this run answer gRPC: TRADE_PROMOTION_TARGET in trade.
            **{key: target for key, target in targets.items() if key != f"{name.upper()}_TARGET"},
        }
        common = {f"{domain.prefix}{key}": value for key, value in fields.items()}
        declared = development(domain)
        common |= {key: value for key, value in declared.settings.items() if key not in environment}
        companions = [each for each in declared.companions if not each.settings.keys() & environment.keys()]
        placed = [(each, ports.take(first and each.port)) for each in companions]
        for each, port in placed:
            common |= each.told(port)
        beside[name] = tuple(_beside(workspace, domain, each, port, common) for each, port in placed)
        if gateway:
            admin = ports.take(0)
            inner = common | {f"{domain.prefix}ADMIN_PORT": str(admin)}
            outer = common | {f"{domain.prefix}RPC_TARGET": f"{HOST}:{grpc[name]}"}
            processes.append(
                Process(f"{name}-rpc", domain, ("migrate", "rpc", "worker"), admin, grpc[name], inner)
            )
            processes.append(Process(f"{name}-api", domain, ("api",), rest[name], 0, outer))
        else:
            processes.append(
                Process(name, domain, ("migrate", "api", "rpc", "worker"), rest[name], grpc[name], common)
            )
    served = tuple(
        Served(
            domain,
            f"http://{HOST}:{rest[domain.name]}",
            f"http://{HOST}:{rest[domain.name]}/docs",
            f"{HOST}:{grpc[domain.name]}",
            beside[domain.name],
        )
        for domain in domains
    )
    return Plan(served, tuple(processes))


def _beside(
    workspace: Workspace, domain: Domain, companion: Companion, port: int, env: Mapping[str, str]
) -> Beside:
    """The companion's process; it knows what its domain is told, and its `python` is the workspace's."""
    program, *words = companion.words(port)
    command = (str(workspace.python) if program == "python" else program, *words)
    return Beside(f"{domain.name}-{companion.name}", command, port, env)
