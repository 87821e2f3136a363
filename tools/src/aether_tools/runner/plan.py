"""Plan of a run: its processes with their roles, ports and settings. Starts nothing.

A domain migrates its database in the process that serves it, because another process would repeat all imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from aether_tools.development import Companion, development
from aether_tools.runner.ports import GRPC_PORT_OFFSET, HOST, REST_BASE_PORT, Ports
from aether_tools.workspace import ISSUER, PRIVATE_KEY, Domain, Workspace


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers that the domains use. `databases` maps each domain's name to a URL."""

    databases: Mapping[str, str]
    redis: str
    kafka: str


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a domain. `health` is the port of its /readyz, `grpc` its gRPC port (0: none)."""

    name: str
    domain: Domain
    roles: tuple[str, ...]
    health: int
    grpc: int
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CompanionProcess:
    """The process of a companion: its `command`, the loopback `port` it listens on, its environment."""

    name: str
    command: tuple[str, ...]
    port: int
    env: Mapping[str, str]

    @property
    def url(self) -> str:
        """URL of the companion."""
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True, slots=True)
class Served:
    """Addresses and companions of one domain. `rest` and `docs` are URLs, `grpc` is host:port."""

    domain: Domain
    rest: str
    docs: str
    grpc: str
    companions: tuple[CompanionProcess, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All domains of a run and their processes."""

    served: tuple[Served, ...]
    processes: tuple[Process, ...]

    @property
    def companions(self) -> tuple[CompanionProcess, ...]:
        """Companions of all domains."""
        return tuple(companion for served in self.served for companion in served.companions)


def plan(
    workspace: Workspace,
    domains: Sequence[Domain],
    servers: Servers,
    ports: Ports,
    *,
    gateway: bool,
    workers: int | None = None,
    port_base: int | None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Plan a run. The n-th domain of the workspace gets the n-th port from `port_base`, whichever domains run.

    `workers` is the number of processes for each port; by default what the environment says, or one.
    A port that is taken is replaced by a free one; with `port_base` 0 all ports are free ones. `environment`
    overrides a domain's development settings; a companion whose address it sets is not started.
    """
    first = REST_BASE_PORT if port_base is None else port_base
    order = {domain.name: at for at, domain in enumerate(workspace.domains())}
    rest = {domain.name: ports.take(first and first + order[domain.name]) for domain in domains}
    grpc = {
        domain.name: ports.take(first and first + GRPC_PORT_OFFSET + order[domain.name]) for domain in domains
    }
    published = {
        name: f"http://{HOST}:{rest[name]}{path}" for name, path in workspace.key_sets.items() if name in rest
    }
    targets = {f"{name.upper()}_TARGET": f"{HOST}:{port}" for name, port in grpc.items()}

    processes: list[Process] = []
    companion_processes: dict[str, tuple[CompanionProcess, ...]] = {}
    for domain in domains:
        name = domain.name
        others = {key: target for key, target in targets.items() if key != f"{name.upper()}_TARGET"}
        fields = {
            "DATABASE_URL": servers.databases[name],
            "REDIS_URL": servers.redis,
            "KAFKA_BOOTSTRAP": servers.kafka,
            "REST_HOST": HOST,
            "REST_PORT": str(rest[name]),
            "GRPC_HOST": HOST,
            "GRPC_PORT": str(grpc[name]),
            # The development keys first, then those of other domains that sign in users; a domain has its own.
            "JWKS": " ".join([workspace.jwks, *(url for owner, url in published.items() if owner != name)]),
            "SERVICE_KEY": str(workspace.service_keys / PRIVATE_KEY),
            "TOKEN_ISSUER": ISSUER,
            # `aether token` may sign for as long.
            "TOKEN_LIFE_SECONDS": str(24 * 3600),
            "TOKEN_AUDIENCE": workspace.name,
            "LOG_FORMAT": "console",
            # gRPC addresses of the other domains of this run, such as TRADE_PROMOTION_TARGET in trade.
            **others,
        }
        common = {f"{domain.prefix}{key}": value for key, value in fields.items()}
        # A domain that calls no other has no settings for their addresses, and would refuse to start.
        foreign = f"{domain.prefix}FOREIGN_VARIABLES"
        named = (environment.get(foreign, ""), *(f"{domain.prefix}{key}" for key in others))
        common[foreign] = " ".join(filter(None, named))
        # Nothing routes requests to this machine that would have to learn of a stop.
        drain = f"{domain.prefix}DRAIN_SECONDS"
        common[drain] = environment.get(drain, "0")
        if workers is not None:
            common[f"{domain.prefix}WORKERS"] = str(workers)
        declared = development(domain)
        common |= {key: value for key, value in declared.settings.items() if key not in environment}
        companions = [each for each in declared.companions if not each.settings.keys() & environment.keys()]
        with_ports = [(each, ports.take(first and each.port)) for each in companions]
        for each, port in with_ports:
            common |= each.settings_for(port)
        companion_processes[name] = tuple(
            _companion_process(workspace, domain, each, port, common) for each, port in with_ports
        )
        front, health = common, rest[name]
        if workers is not None and workers > 1:
            health = ports.take(0)  # the port of REST would tell of one worker
            front = common | {f"{domain.prefix}ADMIN_PORT": str(health)}
        if gateway:
            admin = ports.take(0)
            inner = common | {f"{domain.prefix}ADMIN_PORT": str(admin)}
            outer = front | {f"{domain.prefix}RPC_TARGET": f"{HOST}:{grpc[name]}"}
            processes.append(
                Process(f"{name}-rpc", domain, ("migrate", "rpc", "worker"), admin, grpc[name], inner)
            )
            processes.append(Process(f"{name}-api", domain, ("api",), health, 0, outer))
        else:
            processes.append(
                Process(name, domain, ("migrate", "api", "rpc", "worker"), health, grpc[name], front)
            )
    served = tuple(
        Served(
            domain,
            f"http://{HOST}:{rest[domain.name]}",
            f"http://{HOST}:{rest[domain.name]}/docs",
            f"{HOST}:{grpc[domain.name]}",
            companion_processes[domain.name],
        )
        for domain in domains
    )
    return Plan(served, tuple(processes))


def _companion_process(
    workspace: Workspace, domain: Domain, companion: Companion, port: int, env: Mapping[str, str]
) -> CompanionProcess:
    """Return a companion's process, with its domain's environment. Its `python` is the workspace's Python."""
    program, *arguments = companion.arguments(port)
    command = (str(workspace.python) if program == "python" else program, *arguments)
    return CompanionProcess(f"{domain.name}-{companion.name}", command, port, env)
