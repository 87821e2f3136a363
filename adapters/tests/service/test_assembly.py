"""The process of a service, assembled: what each role makes and asks for, and what a type checker refuses."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aether_adapters
import httpx
import pytest
from aether_adapters import grpc
from aether_adapters.kernel.identity import Access, Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Probe
from aether_adapters.rest import Inputs, Limits, Offload, Operation, Reply
from aether_adapters.service.assembly import Edges, Make, Servers, assemble
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.process import Stop
from aether_adapters.service.roles import Process, RestServer, Runs
from aether_adapters.service.settings import ServiceSettings

CONTRACT = """
openapi: 3.0.3
info: {title: Echo, version: "1"}
paths:
  /v1/echo/{text}:
    get:
      operationId: echo
      parameters: [{name: text, in: path, required: true, schema: {type: string}}]
      responses: {"200": {description: The text.}}
"""


@dataclass(frozen=True)
class Echo:
    """The inbound port."""

    echo: Callable[[str], str]


@dataclass(frozen=True)
class AsyncEcho:
    """The inbound port for an asyncio edge."""

    echo: Callable[[str], Awaitable[str]]


_CODEC = grpc.Codec(to_wire=str.encode, from_wire=bytes.decode)


class GrpcEdge:
    METHODS = (
        grpc.Method(
            path="/acme.echo.v1.EchoService/Echo",
            access=Access.PUBLIC,
            idempotent=True,
            request=_CODEC,
            response=_CODEC,
        ),
    )

    def service(self, port: Echo, /) -> grpc.Service:
        port.echo("")
        return grpc.Service("echo.v1.EchoService", ())

    def async_client(self, channel: grpc.AsyncChannel, /) -> AsyncEcho:
        async def remote(text: str) -> str:
            return f"{text} from afar"

        return AsyncEcho(remote)


class ThreadsEdge:
    def in_threads(self, service: Echo, offload: Offload, /) -> AsyncEcho:
        return AsyncEcho(offload.wrap(service.echo))


@dataclass(frozen=True)
class RestEdge:
    CONTRACT: Path

    def operations(self, service: AsyncEcho, /) -> tuple[Operation, ...]:
        def decode(inputs: Inputs) -> str:
            return str(inputs.path["text"])

        return (
            Operation(
                "echo", Access.PUBLIC, decode, call=service.echo, encode=lambda text: Reply(200, body=text)
            ),
        )


class Idle:
    def run(self, stop: Stop, /) -> None:
        stop.wait()

    def probe(self) -> None:
        """Everything has been heard."""


class AnyToken:
    def __call__(self, token: str, /) -> Identity:
        return Identity(subject=token)

    def probe(self) -> None:
        """Keys need not be read."""


@dataclass
class World:
    """A service whose backing services are all away; `made` says which of its objects have been made."""

    edges: Edges[Echo, AsyncEcho]
    made: list[str] = field(default_factory=list)

    def assemble(
        self,
        *roles: str,
        rpc_target: str = "",
        needs: dict[str, dict[str, Make[Probe]]] | None = None,
        part: str = "relay",
    ) -> Process:
        settings = ServiceSettings(
            database_url="mysql+pymysql://root@127.0.0.1:9/none",
            redis_url="redis://127.0.0.1:9/0",
            kafka_bootstrap="127.0.0.1:9",
            rpc_target=rpc_target,
            service_key="private.pem" if rpc_target else "",
        )
        servers = Servers(self.edges, self.service, self.verifier, self.limits, self.revocations)
        worker: dict[str, Make[Runs]] = {part: self.relay}
        return assemble(BackingServices(settings), frozenset(roles), servers, worker, needs=needs or {})

    def service(self) -> Echo:
        self.made.append("service")
        return Echo(lambda text: text)

    def verifier(self) -> AnyToken:
        self.made.append("verifier")
        return AnyToken()

    def limits(self) -> Limits:
        self.made.append("limits")
        return Limits()

    def revocations(self) -> Idle:
        self.made.append("revocations")
        return Idle()

    def relay(self) -> Idle:
        self.made.append("relay")
        return Idle()


@pytest.fixture
def world(tmp_path: Path) -> World:
    contract = tmp_path / "echo.yaml"
    contract.write_text(CONTRACT)
    return World(
        Edges(grpc=GrpcEdge(), threads=ThreadsEdge(), rest=RestEdge(contract), errors=ErrorTable("echo", {}))
    )


GATEWAY = "127.0.0.1:9090"
TOKENS = {"keys", "revocations"}
"""What both servers need in order to verify tokens."""
USE_CASES = {"database", "worker_number"}


@pytest.mark.parametrize(
    ("roles", "rpc_target", "parts", "made"),
    [
        ("api", "", {"rest", "revocations"}, {"service", "verifier", "limits", "revocations"}),
        ("api", GATEWAY, {"rest", "revocations"}, {"verifier", "limits", "revocations"}),
        ("rpc", "", {"grpc", "revocations"}, {"service", "verifier", "limits", "revocations"}),
        ("worker", "", {"relay"}, {"relay"}),
        (
            "api rpc worker",
            "",
            {"rest", "grpc", "revocations", "relay"},
            {"service", "verifier", "limits", "revocations", "relay"},
        ),
        ("", "", set(), set()),
    ],
)
def test_each_role_makes_what_it_needs_and_nothing_else(
    world: World, roles: str, rpc_target: str, parts: set[str], made: set[str]
) -> None:
    process = world.assemble(*roles.split(), rpc_target=rpc_target)
    assert set(process.parts) == parts
    assert set(world.made) == made


@pytest.mark.parametrize(("rpc_target", "told"), [("", "hello"), (GATEWAY, "hello from afar")])
def test_rest_stands_in_front_of_the_use_cases_or_of_the_rpc_role(
    world: World, rpc_target: str, told: str
) -> None:
    server = world.assemble("api", rpc_target=rpc_target).parts["rest"]
    assert isinstance(server, RestServer)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(server.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://edge", trust_env=False) as client:
            return await client.get("/v1/echo/hello")

    assert asyncio.run(ask()).json() == told


@pytest.mark.parametrize(
    ("roles", "rpc_target", "asked"),
    [
        ("api", "", {*USE_CASES, *TOKENS}),
        ("api", GATEWAY, {"rpc", *TOKENS}),
        ("rpc", "", {*USE_CASES, *TOKENS}),
        ("worker", "", {"database", "kafka"}),
        ("api worker", GATEWAY, {"rpc", "database", "kafka", *TOKENS}),
        ("api rpc worker", "", {*USE_CASES, "kafka", *TOKENS}),
    ],
)
def test_readiness_asks_for_what_the_roles_cannot_work_without(
    world: World, roles: str, rpc_target: str, asked: set[str]
) -> None:
    assert set(world.assemble(*roles.split(), rpc_target=rpc_target).health.check()) == asked


def test_readiness_asks_for_what_else_a_domain_needs(world: World) -> None:
    def probe() -> Probe:
        return lambda: None

    needs = {"use_cases": {"redis": probe}, "gateway": {"dns": probe}}
    assert set(world.assemble("rpc", needs=needs).health.check()) == {*USE_CASES, "redis", *TOKENS}
    assert set(world.assemble("worker", needs=needs).health.check()) == {"database", "kafka"}
    assert set(world.assemble("api", rpc_target=GATEWAY, needs=needs).health.check()) == {
        "rpc",
        "dns",
        *TOKENS,
    }


def test_a_misspelt_name_of_what_needs_a_probe_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="needs of usecases: there are gateway, use_cases, worker"):
        world.assemble("rpc", needs={"usecases": {"redis": lambda: lambda: None}})


def test_a_part_of_the_worker_cannot_take_the_name_of_a_server(world: World) -> None:
    with pytest.raises(ValueError, match="worker part grpc: the servers have that name"):
        world.assemble("rpc", "worker", part="grpc")


def test_a_service_without_limits_and_revocations_has_neither(world: World) -> None:
    settings = ServiceSettings(database_url="sqlite:///none.db")
    servers = Servers(world.edges, world.service, world.verifier)
    process = assemble(BackingServices(settings), {"api", "rpc"}, servers, {})
    assert set(process.parts) == {"rest", "grpc"}
    assert set(world.made) == {"service", "verifier"}


MODULES = {
    "echo_grpc": """
        class Port: pass
        class AsyncPort: pass
        METHODS: Final[tuple[Method[Any, Any], ...]] = ()
        def service(port: Port, /) -> Service: ...
        def async_client(channel: AsyncChannel, /) -> AsyncPort: ...
        """,
    "echo_threads": """
        from echo_grpc import AsyncPort, Port
        def in_threads(service: Port, offload: Offload, /) -> AsyncPort: ...
        """,
    "echo_rest": """
        from echo_grpc import AsyncPort
        CONTRACT: Final = Path("echo.yaml")
        def operations(service: AsyncPort, /) -> tuple[Operation, ...]: ...
        """,
    "other_rest": """
        class AsyncPort: pass
        CONTRACT: Final = Path("other.yaml")
        def operations(service: AsyncPort, /) -> tuple[Operation, ...]: ...
        """,
    "root": """
        import echo_grpc, echo_rest, echo_threads, other_rest
        def echo() -> echo_grpc.Port: ...
        def other() -> other_rest.AsyncPort: ...
        def verifier() -> Verifier: ...
        errors = ErrorTable("echo", {})
        right = Edges(grpc=echo_grpc, threads=echo_threads, rest=echo_rest, errors=errors)
        Servers(right, echo, verifier)
        Edges(grpc=echo_grpc, threads=echo_threads, rest=other_rest, errors=errors)  # another domain's
        Edges(grpc=echo_grpc, threads=echo_threads, rest=echo_rest)  # nothing for errors
        Edges(grpc=echo_grpc, threads=echo_threads, rest=echo_rest, error=errors)  # a misspelt name
        Servers(right, other, verifier)  # another port
        Servers(right, echo(), verifier)  # the port, not what makes it
        """,
}
IMPORTS = """
from pathlib import Path
from typing import Any, Final
from aether_adapters.grpc import AsyncChannel, Method, Service
from aether_adapters.auth.tokens import Verifier
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.rest import Offload, Operation
from aether_adapters.service.assembly import Edges, Servers
"""


@pytest.mark.timeout(300)
def test_a_type_checker_refuses_what_does_not_fit(tmp_path: Path) -> None:
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(IMPORTS + textwrap.dedent(text))
    command = [
        sys.executable,
        *("-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", str(tmp_path / "cache")),
        *("--follow-imports", "silent", "--ignore-missing-imports", "--disable-error-code", "empty-body"),
        "--no-site-packages",  # of no matter here, and most of the time
        "root.py",
    ]
    env = os.environ | {"MYPYPATH": str(Path(aether_adapters.__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    lines = (tmp_path / "root.py").read_text().splitlines()
    refused = {
        lines[int(error.split(":")[1]) - 1].partition("  # ")[2] for error in done.stdout.splitlines()[:-1]
    }
    assert refused == {
        "another domain's",
        "nothing for errors",
        "a misspelt name",
        "another port",
        "the port, not what makes it",
    }, done.stdout
