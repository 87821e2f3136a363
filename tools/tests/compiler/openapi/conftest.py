"""A workspace with a contract that says everything a contract can say, compiled once and importable."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aether_adapters.kernel.identity import Identity
from aether_adapters.rest import Inputs, Operation
from aether_tools.compiler.compilation import compile_rest_edge, refine
from aether_tools.compiler.emit.package import write_proto
from aether_tools.compiler.model.contracts import Contracts, Package
from aether_tools.compiler.proto.front_end import read
from aether_tools.finding import ContractError, Finding

KITCHEN = Path(__file__).with_name("kitchen")
CALLER = Identity(subject="ada", roles=("cook",), session="s1")


@dataclass(frozen=True)
class Workspace:
    """A workspace on disk with its proto side compiled, written and on `sys.path`."""

    root: Path
    contracts: Contracts
    package: Package

    def compile(self, yaml: str) -> dict[str, bytes]:
        """Compile an OpenAPI text as this domain's contract."""
        path = self.root / "openapi" / f"{self.package.domain}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml, encoding="utf-8")
        return compile_rest_edge(self.contracts, self.package, path, self.root).files

    def refusals(self, yaml: str) -> list[Finding]:
        """What keeps an OpenAPI text from being compiled."""
        with pytest.raises(ContractError) as refused:
            self.compile(yaml)
        return list(refused.value.findings)


class Edge:
    """A generated REST edge, with the port left out: `decode` and `encode` by operationId."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        port = type("Port", (), {"__getattr__": lambda self, name: None})()
        self.operations: dict[str, Operation] = {each.operation_id: each for each in module.operations(port)}

    def decode(self, operation: str, **inputs: Any) -> Any:
        """The request a use case would be called with."""
        fields: dict[str, Any] = {
            "path": {},
            "query": {},
            "header": {},
            "body": None,
            "raw_body": b"",
            "identity": CALLER,
            "client_address": "",
        }
        return self.operations[operation].decode(Inputs(**(fields | inputs)))

    def encode(self, operation: str, result: object) -> Any:
        """The reply a client would be given."""
        return self.operations[operation].encode(result)


def write_workspace(source: Path, root: Path, name: str, domain: str) -> Workspace:
    """Copy the contracts of `source` to `root` and generate their proto side."""
    shutil.copytree(source / "proto", root / "proto")
    protos = read(root, name)
    package = next(package for package in protos.contracts.packages if package.domain == domain)
    edge = compile_rest_edge(protos.contracts, package, source / "openapi" / f"{domain}.yaml", source)
    for path, content in (protos.python | write_proto(refine(protos.contracts, [edge]))).items():
        file = root / "proto" / "gen" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return Workspace(root, protos.contracts, package)


@pytest.fixture(scope="session")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The workspace `oas` with its domain `kitchen`."""
    workspace = write_workspace(KITCHEN, tmp_path_factory.mktemp("kitchen"), "oas", "kitchen")
    path = str(workspace.root / "proto" / "gen")
    sys.path.insert(0, path)
    yield workspace
    sys.path.remove(path)


@pytest.fixture(scope="session")
def load(kitchen: Workspace) -> Callable[[dict[str, bytes]], Edge]:
    """Imports the files of one compilation as a module of its own."""
    numbers = itertools.count()

    def load(files: dict[str, bytes]) -> Edge:
        folder = kitchen.root / f"edge{next(numbers)}"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        spec = importlib.util.spec_from_file_location(f"oas_{folder.name}", folder / "kitchen.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return Edge(module)

    return load


@pytest.fixture(scope="session")
def edge(kitchen: Workspace, load: Callable[[dict[str, bytes]], Edge]) -> Edge:
    """The whole kitchen contract, compiled and imported."""
    return load(kitchen.compile((KITCHEN / "openapi" / "kitchen.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def types(edge: Edge) -> Any:
    """The pure types of the kitchen contract."""
    return importlib.import_module("oas.kitchen.v1.types")


@pytest.fixture(scope="session")
def codec(edge: Edge) -> Any:
    """The gRPC side of the kitchen contract: an implementation of the same types by other hands."""
    return importlib.import_module("oas.kitchen.v1.grpc")


@pytest.fixture(scope="session")
def pb(edge: Edge) -> Any:
    """protoc's own module of the kitchen contract."""
    return importlib.import_module("oas.kitchen.v1.kitchen_pb2")
