"""Compiles a whole workspace in memory: both front ends, every writer, every finding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aether_tools.compiler.binding.operations import bind
from aether_tools.compiler.contract_files import contract_paths
from aether_tools.compiler.emit.package import write_proto
from aether_tools.compiler.emit.rest.module import write
from aether_tools.compiler.model.contracts import Contracts, Package
from aether_tools.compiler.openapi.document import Findings, load
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
    rest: dict[str, bytes] = {}
    scopes: dict[str, tuple[str, ...]] = {}
    for contract in _rest_contracts(root):
        package = domains.get(contract.stem)
        if not broken.isdisjoint((f"proto/{workspace}/{contract.stem}/v1", f"proto/{workspace}/common/v1")):
            continue  # every operation would be refused for what is not its fault
        if contract.suffix != ".yaml" or package is None:
            found.append(_unserved(root, contract, workspace))
            continue
        try:
            edge = compile_rest_edge(contracts, package, contract, root)
        except ContractError as refused:
            found += refused.findings
        else:
            rest |= edge.files
            scopes |= edge.scopes
    if found:
        raise ContractError(*found)
    if rest:
        rest["py.typed"] = b""
    modules = (
        surveyed.python
        | write_proto(contracts.with_scopes(scopes))
        | _contract_files(root, contracts.packages)
    )
    files = {f"proto/gen/{path}": content for path, content in modules.items()}
    files |= {f"openapi/gen/{workspace}_openapi/{path}": content for path, content in rest.items()}
    return Compiled(dict(sorted(files.items())), len(domains))


@dataclass(frozen=True, slots=True)
class RestEdge:
    """The REST side of one domain.

    `files` are by name below `openapi/gen/<ws>_openapi/`. `scopes` are those a token must carry, by
    `<service>/<method>`, so that the gRPC edge asks for the same.
    """

    files: dict[str, bytes]
    scopes: dict[str, tuple[str, ...]]


def compile_rest_edge(contracts: Contracts, package: Package, contract: Path, root: Path) -> RestEdge:
    """The REST side of one domain.

    `contract` is its OpenAPI file, `root` the workspace it is reported relative to. Raises `ContractError` with every
    finding.
    """
    findings = Findings()
    document = load(contract, root, findings)
    binding = bind(contracts, package, document, findings)
    files = {
        f"{package.domain}.py": write(contracts, package, binding),
        f"{package.domain}.yaml": contract.read_bytes(),
    }
    service = binding.service.full_name
    return RestEdge(files, {f"{service}/{each.method.name}": each.scopes for each in binding.operations})


def _rest_contracts(root: Path) -> list[Path]:
    folder = root / "openapi"
    files = (path for path in contract_paths(root, "openapi") if path.parent == folder)
    return sorted(path for path in files if path.suffix in (".yaml", ".yml"))


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
