"""Checks that each domain has its two contracts and each contract has a domain."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.compiler.contract_files import contract_paths
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace


def check_members(workspace: Workspace, chosen: tuple[Domain, ...]) -> Iterator[Finding]:
    """Yield a finding for each contract that a chosen domain lacks, and for each contract without a domain."""
    for domain in chosen:
        name = domain.name
        for file in (f"proto/{workspace.name}/{name}/v1/{name}.proto", f"openapi/{name}.yaml"):
            if not (workspace.root / file).is_file():
                yield Finding(
                    Location(f"domains/{name}/pyproject.toml"),
                    "contract-missing",
                    f"The domain {name} has no {file}.",
                    f"Write that file, using one that `aether new` makes as an example, or remove domains/{name}.",
                )
    existing = {domain.name for domain in workspace.domains()}
    for file, name in sorted(_owners(workspace)):
        if name not in existing and name != "common":
            yield Finding(
                Location(file),
                "domain-missing",
                f"This contract belongs to the domain {name}, but domains/{name}/pyproject.toml does not exist.",
                f"Create the domain {name}, or remove its contracts.",
            )


def _owners(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Yield each contract with a valid path, and the domain that its path names."""
    for folder in ("proto", "openapi"):
        for path in contract_paths(workspace.root, folder):
            file = workspace.relative(path)
            match file.split("/"):
                case ["proto", workspace.name, domain, "v1", name] if name.endswith(".proto"):
                    yield file, domain
                case ["openapi", name] if name.endswith(".yaml"):
                    yield file, path.stem
