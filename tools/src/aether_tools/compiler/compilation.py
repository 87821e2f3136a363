"""Compiles a whole workspace in memory: both front ends, every writer, every finding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aether_tools.compiler.binding.bindings import Binding
from aether_tools.compiler.binding.oneofs import required_oneofs
from aether_tools.compiler.binding.operations import bind
from aether_tools.compiler.emit.package import write_proto
from aether_tools.compiler.emit.rest.module import write
from aether_tools.compiler.model.contracts import Contracts, Package
from aether_tools.compiler.openapi.bundle import COMMON, check_common, dump, load
from aether_tools.compiler.openapi.document import Findings
from aether_tools.compiler.proto import front_end
from aether_tools.finding import ContractError, Finding, Location
from aether_tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Compiled:
    """Every file to be generated, by path relative to the workspace, and how many domains they are of."""

    files: dict[str, bytes]
    domains: int


def compile_workspace(root: Path) -> Compiled:
    """Compile every contract; raises `ContractError` with the findings of all of them."""
    workspace = Workspace.find(root).name
    surveyed = front_end.survey(root, workspace)
    found = list(surveyed.findings)
    broken = {finding.location.file.rpartition("/")[0] for finding in found}
    contracts = surveyed.contracts
    domains = {package.domain: package for package in contracts.packages if package.domain != "common"}
    edges: list[RestEdge] = []
    found += _common_findings(root)
    for contract in _rest_contracts(root):
        package = domains.get(contract.stem)
        if not broken.isdisjoint((f"proto/{workspace}/{contract.stem}/v1", f"proto/{workspace}/common/v1")):
            continue  # every operation would be refused for what is not its fault
        if contract.suffix != ".yaml" or package is None:
            found.append(_unserved(root, contract, workspace))
            continue
        try:
            edges.append(compile_rest_edge(contracts, package, contract, root))
        except ContractError as refused:
            found += refused.findings
    if found:
        raise ContractError(*dict.fromkeys(found))  # what is shared is found once for each contract
    refined = refine(contracts, edges)
    modules = surveyed.python | write_proto(refined) | _contract_files(root, contracts.packages)
    files = {f"proto/gen/{path}": content for path, content in modules.items()}
    rest = {path: content for edge in edges for path, content in edge.files.items()}
    if rest:
        rest["py.typed"] = b""
    files |= {f"openapi/gen/{workspace}_openapi/{path}": content for path, content in rest.items()}
    return Compiled(dict(sorted(files.items())), len(domains))


@dataclass(frozen=True, slots=True)
class RestEdge:
    """The REST side of one domain; `files` are by name below `openapi/gen/<ws>_openapi/`."""

    files: dict[str, bytes]
    binding: Binding

    @property
    def scopes(self) -> dict[str, tuple[str, ...]]:
        """The scopes a token must carry, by `<service>/<method>`."""
        service = self.binding.service.full_name
        return {f"{service}/{each.method.name}": each.scopes for each in self.binding.operations}


def refine(contracts: Contracts, edges: Iterable[RestEdge]) -> Contracts:
    """The contracts with what their REST side adds for gRPC too: scopes, and oneofs that must be set.

    Raises `ContractError` if two REST contracts disagree about a message they share.
    """
    edges = tuple(edges)
    findings = Findings()
    required = required_oneofs((edge.binding for edge in edges), findings)
    findings.refuse()
    scopes = {method: demanded for edge in edges for method, demanded in edge.scopes.items()}
    return contracts.demanding(scopes).requiring(required)


def compile_rest_edge(contracts: Contracts, package: Package, contract: Path, root: Path) -> RestEdge:
    """The REST side of one domain.

    `contract` is its OpenAPI file, `root` the workspace it is reported relative to. Raises `ContractError` with every
    finding.
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
    return RestEdge(files, binding)


def _rest_contracts(root: Path) -> list[Path]:
    folder = root / "openapi"
    files = (path for path in folder.glob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
    return sorted(path for path in files if path.name != COMMON)


def _common_findings(root: Path) -> tuple[Finding, ...]:
    file = root / "openapi" / COMMON
    if file.is_file():
        try:
            check_common(file, root, Findings())
        except ContractError as refused:
            return refused.findings
    return ()


def _unserved(root: Path, contract: Path, workspace: str) -> Finding:
    location = Location(contract.relative_to(root).as_posix(), 1, 1)
    if contract.suffix != ".yaml":
        return Finding(
            location,
            "openapi-name",
            "A REST contract's name ends in .yaml.",
            f"Call it {contract.stem}.yaml.",
        )
    proto = f"proto/{workspace}/{contract.stem}/v1/{contract.stem}.proto"
    return Finding(
        location,
        "openapi-without-proto",
        f"No proto contract stands behind it: there is no {proto}.",
        "Write that file, or remove this one.",
    )


def _contract_files(root: Path, packages: tuple[Package, ...]) -> dict[str, bytes]:
    """The proto files themselves: a wheel of generated code carries its contracts."""
    return {file: (root / "proto" / file).read_bytes() for package in packages for file in package.files}
