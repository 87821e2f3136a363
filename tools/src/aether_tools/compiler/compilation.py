"""Compiles a workspace in memory: runs both front ends and all writers, and collects their findings."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_tools.compiler.binding.bindings import Binding
from aether_tools.compiler.binding.oneofs import required_oneofs
from aether_tools.compiler.binding.operations import bind
from aether_tools.compiler.binding.sides import rest_sides
from aether_tools.compiler.contract_files import contract_paths, renamed_workspace
from aether_tools.compiler.emit.package import write_proto
from aether_tools.compiler.emit.rest.module import write
from aether_tools.compiler.model.contracts import Contracts, Package, RestSide
from aether_tools.compiler.openapi.bundle import COMMON, check_common, dump, load
from aether_tools.compiler.openapi.document import Document, Findings
from aether_tools.compiler.proto import front_end, protoc
from aether_tools.finding import ContractError, Finding, Location
from aether_tools.workspace import Workspace

_SUFFIXES: Final = (".yaml", ".yml", ".json")
"""Suffixes of OpenAPI files. Only the first is a contract's; the others become findings."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """All files to generate, by path relative to the workspace, and the number of domains.

    `contracts` and `edges` are what they were made from, for checks.
    """

    files: dict[str, bytes]
    domains: int
    contracts: Contracts
    edges: tuple[RestEdge, ...]


def compile_workspace(root: Path) -> Compiled:
    """Compile all contracts. Raises `ContractError` with the findings of all of them if there are any."""
    workspace = Workspace.find(root).name
    renamed = renamed_workspace(root, workspace)
    if renamed is not None:
        raise ContractError(renamed)  # each contract would become a finding
    protos = front_end.compile_all(root, workspace)
    findings = list(protos.findings)
    broken = {finding.location.file.rpartition("/")[0] for finding in findings}
    contracts = protos.contracts
    domains = {package.domain: package for package in contracts.packages if package.domain != "common"}
    edges: list[RestEdge] = []
    findings += _common_findings(root)
    for contract in _rest_contracts(root):
        package = domains.get(contract.stem)
        if not broken.isdisjoint((f"proto/{workspace}/{contract.stem}/v1", f"proto/{workspace}/common/v1")):
            continue  # each operation would become a finding, although only the proto file is wrong
        if contract.suffix != _SUFFIXES[0] or package is None:
            findings.append(_misnamed_or_without_proto(root, contract, workspace))
            continue
        try:
            edges.append(compile_rest_edge(contracts, package, contract, root))
        except ContractError as error:
            findings += error.findings
    if findings:
        # Each contract that uses a shared component reports it.
        raise ContractError(*dict.fromkeys(findings))
    refined = refine(contracts, edges)
    modules = protos.python | write_proto(refined)
    files = {f"proto/gen/{path}": content for path, content in modules.items()}
    if contracts.packages:
        files |= {f"proto/{path}": content for path, content in protoc.options().items()}
    rest = {path: content for edge in edges for path, content in edge.files.items()}
    if rest:
        rest["py.typed"] = b""
    files |= {f"openapi/gen/{workspace}_openapi/{path}": content for path, content in rest.items()}
    return Compiled(dict(sorted(files.items())), len(domains), contracts, tuple(edges))


@dataclass(frozen=True, slots=True)
class RestEdge:
    """The generated REST edge of one domain; `files` is by name below `openapi/gen/<ws>_openapi/`."""

    files: dict[str, bytes]
    binding: Binding
    package: Package
    document: Document

    @property
    def sides(self) -> dict[str, RestSide]:
        """What the operations add to their methods, by `<service>/<method>`."""
        service = self.binding.service.full_name
        return {f"{service}/{name}": side for name, side in rest_sides(self.binding).items()}


def refine(contracts: Contracts, edges: Iterable[RestEdge]) -> Contracts:
    """The contracts with what their REST side adds for gRPC too: limits, scopes, and oneofs that must be set.

    Raises `ContractError` if two REST contracts disagree about a message they share.
    """
    edges = tuple(edges)
    findings = Findings()
    required = required_oneofs((edge.binding for edge in edges), findings)
    findings.refuse()
    sides = {method: side for edge in edges for method, side in edge.sides.items()}
    return contracts.with_rest(sides).requiring(required)


def compile_rest_edge(contracts: Contracts, package: Package, contract: Path, root: Path) -> RestEdge:
    """Compile the REST edge of one domain from its OpenAPI file `contract`.

    Locations in findings are relative to `root`. Raises `ContractError` with all findings if there are any.
    """
    findings = Findings()
    document = load(contract, root, findings)
    binding = bind(contracts, package, document, findings)
    required_oneofs([binding], findings)
    findings.refuse()
    files = {
        f"{package.domain}.py": write(contracts, package, binding),
        f"{package.domain}.yaml": dump(document, contract, root),
    }
    return RestEdge(files, binding, package, document)


def _rest_contracts(root: Path) -> list[Path]:
    folder = root / "openapi"
    files = (
        path for path in contract_paths(root, "openapi") if path.parent == folder and path.name != COMMON
    )
    return sorted(path for path in files if path.suffix.lower() in _SUFFIXES)


def _common_findings(root: Path) -> tuple[Finding, ...]:
    file = root / "openapi" / COMMON
    if os.path.lexists(file):
        try:
            check_common(file, root, Findings())
        except ContractError as error:
            return error.findings
    return ()


def _misnamed_or_without_proto(root: Path, contract: Path, workspace: str) -> Finding:
    location = Location(contract.relative_to(root).as_posix(), 1, 1)
    if contract.suffix != _SUFFIXES[0]:
        return Finding(
            location,
            "openapi-name",
            "The name of an OpenAPI file must end in .yaml.",
            f"Rename it to {contract.stem}.yaml.",
        )
    proto = f"proto/{workspace}/{contract.stem}/v1/{contract.stem}.proto"
    return Finding(
        location,
        "openapi-without-proto",
        f"The domain {contract.stem} has no proto contract {proto}.",
        "Write that file, or remove this one.",
    )
