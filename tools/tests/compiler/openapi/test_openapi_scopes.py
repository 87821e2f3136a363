"""REST and gRPC require the scopes of an operation, and know which services may call it, with the same error."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest
from aether_adapters.grpc import Channel, Server
from aether_adapters.kernel.identity import Identity
from aether_adapters.kernel.problems import ErrorTable, RemoteError
from aether_adapters.observability.health import Health
from aether_adapters.rest import RestOptions, build_app
from aether_tools.compiler.compilation import compile_workspace

ROOT = Path(__file__).parents[4]
ACME = Path(__file__).parents[1] / "fixtures" / "acme"
ERRORS = ErrorTable("kitchen", {})


def verify(token: str) -> Identity:
    """A token is its bearer's name and scopes; that of a service begins with `service:`."""
    subject, *scopes = token.split()
    kind, _, name = subject.rpartition(":")
    return Identity(subject=name, scopes=frozenset(scopes), service=kind == "service")


@pytest.fixture(scope="module")
def found(types: Any) -> Any:
    moment = datetime(2024, 1, 2, tzinfo=UTC)
    return types.SearchResponse(found=(), total=0, at=moment, cursor="c", retry_after=None)


@pytest.fixture(scope="module")
def over_rest(edge: Any, found: Any) -> Callable[[str], httpx.Response]:
    class Port:
        def __getattr__(self, name: str) -> Any:
            return self.search

        async def search(self, _: Any, /) -> Any:
            return found

    app = build_app(
        edge.module.CONTRACT,
        edge.module.operations(Port()),
        errors=ERRORS,
        verify=verify,
        health=Health({}),
        options=RestOptions(access_log=False),
    )

    def ask(token: str) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://edge", trust_env=False
            ) as client:
                return await client.get(
                    "/v1/shelves/7/things/a", headers={"authorization": f"Bearer {token}"}
                )

        return asyncio.run(once())

    return ask


@pytest.fixture(scope="module")
def over_grpc(codec: Any, types: Any, found: Any) -> Iterator[Callable[[str], Any]]:
    class Port:
        def __getattr__(self, name: str) -> Any:
            return lambda _: found

    server = Server(
        [codec.service(Port())], errors=ERRORS, verify=verify, health=Health({}), address="127.0.0.1:0"
    )
    server.start()
    channels: list[Channel] = []

    def ask(token: str) -> Any:
        channels.append(Channel(f"127.0.0.1:{server.port}", token=lambda: token))
        request = types.SearchRequest(
            shelf=7, page=1, offset=0, weight=0.0, strict=False, trace="", size=types.Size.SMALL, parts=("a",)
        )
        return codec.client(channels[-1]).search(request)

    yield ask
    for channel in channels:
        channel.close()
    server.stop(0)


@pytest.mark.parametrize("token", ["ada", "ada things.read", "ada shelves.read things.reader"])
def test_a_token_that_lacks_a_scope_is_refused_with_the_same_bytes(
    over_rest: Callable[[str], httpx.Response], over_grpc: Callable[[str], Any], token: str
) -> None:
    refused = over_rest(token)
    assert refused.status_code == 403
    with pytest.raises(RemoteError) as remote:
        over_grpc(token)
    assert remote.value.problem.to_json() == refused.content


def test_a_token_with_every_scope_is_let_in(
    over_rest: Callable[[str], httpx.Response], over_grpc: Callable[[str], Any], found: Any
) -> None:
    token = "ada things.read other shelves.read"
    assert over_rest(token).status_code == 200
    assert over_grpc(token) == found


def test_a_service_is_let_in_only_if_the_method_names_it(
    over_rest: Callable[[str], httpx.Response], over_grpc: Callable[[str], Any], found: Any
) -> None:
    scopes = "things.read shelves.read"
    assert over_rest(f"service:purchasing {scopes}").status_code == 200
    assert over_grpc(f"service:purchasing {scopes}") == found
    refused = over_rest(f"service:sales {scopes}")
    assert refused.status_code == 403
    assert refused.json()["detail"] == "The service sales may not call this operation."
    with pytest.raises(RemoteError) as remote:
        over_grpc(f"service:sales {scopes}")
    assert remote.value.problem.to_json() == refused.content


def test_generated_methods_say_what_their_operations_add(codec: Any) -> None:
    assert codec.SEARCH.services == {"purchasing"}
    assert codec.SEARCH.operations == ("search",)
    assert [method.client_addresses for method in codec.METHODS if method.client_addresses] == [("address",)]


def test_generated_methods_carry_the_scopes_of_their_operations(tmp_path: Path, codec: Any) -> None:
    """However many and long they are, the modules are as the formatter wants them."""
    assert codec.SEARCH.scopes == {"shelves.read", "things.read"}
    assert not codec.MOVE.scopes
    root = tmp_path / "acme"
    copytree(ACME, root)
    contract = root / "openapi" / "billing.yaml"
    text = contract.read_text(encoding="utf-8")
    many = ", ".join(f"invoices.{verb}.by.those.who.may" for verb in ("read", "count", "print", "export"))
    old = "      operationId: getTally\n"
    assert old in text
    contract.write_text(text.replace(old, f"{old}      security: [{{bearer: [{many}]}}]\n"), encoding="utf-8")
    files = compile_workspace(root).files
    for path in ("proto/gen/acme/billing/v1/grpc.py", "openapi/gen/acme_openapi/billing.py"):
        module = tmp_path / path.replace("/", "_")
        module.write_bytes(files[path])
        assert sum("by.those.who.may" in line for line in module.read_text().split("\n")) == 4
        command = ["-m", "ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), str(module)]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
