"""Compiles a whole workspace in memory: both front ends, every writer, every finding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aether_tools.compiler import openapi, protoc, protos
from aether_tools.compiler.paths import contract_paths
from aether_tools.compiler.write_proto import write_proto
from aether_tools.finding import Finding, Place, Refused
from aether_tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Compiled:
    """Every file to be generated, by path relative to the workspace, and how many domains they are of."""

    files: dict[str, bytes]
    domains: int


def compile_workspace(root: Path) -> Compiled:
    """Compile every contract; raises `Refused` with the findings of all of them."""
    workspace = Workspace.find(root).name
    surveyed = protos.survey(root, workspace)
    found = list(surveyed.findings)
    broken = {finding.place.file.rpartition("/")[0] for finding in found}
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
            door = openapi.compile_domain(contracts, package, contract, root)
        except Refused as refused:
            found += refused.findings
        else:
            rest |= door.files
            scopes |= door.scopes
    if found:
        raise Refused(*found)
    if rest:
        rest["py.typed"] = b""
    modules = surveyed.python | write_proto(contracts.demanding(scopes))
    files = {f"proto/gen/{path}": content for path, content in modules.items()}
    if contracts.packages:
        files |= {f"proto/{path}": content for path, content in protoc.options().items()}
    files |= {f"openapi/gen/{workspace}_openapi/{path}": content for path, content in rest.items()}
    return Compiled(dict(sorted(files.items())), len(domains))


def _rest_contracts(root: Path) -> list[Path]:
    folder = root / "openapi"
    files = (path for path in contract_paths(root, "openapi") if path.parent == folder)
    return sorted(path for path in files if path.suffix in (".yaml", ".yml"))


def _unserved(root: Path, contract: Path, workspace: str) -> Finding:
    place = Place(contract.relative_to(root).as_posix(), 1, 1)
    if contract.suffix != ".yaml":
        return Finding(
            place, "openapi-name", "A REST contract's name ends in .yaml.", f"Call it {contract.stem}.yaml."
        )
    proto = f"proto/{workspace}/{contract.stem}/v1/{contract.stem}.proto"
    return Finding(
        place,
        "openapi-without-proto",
        f"No proto contract stands behind it: there is no {proto}.",
        "Write that file, or remove this one.",
    )
