"""Each domain has its two contracts, and each contract its domain."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.compiler.contract_files import contract_paths
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace


def check_members(workspace: Workspace, chosen: tuple[Domain, ...]) -> Iterator[Finding]:
    """Contracts that are missing for a chosen domain, and contracts of no domain at all."""
    for domain in chosen:
        name = domain.name
        for file in (f"proto/{workspace.name}/{name}/v1/{name}.proto", f"openapi/{name}.yaml"):
            if not (workspace.root / file).is_file():
                yield Finding(
                    Location(f"domains/{name}/pyproject.toml"),
                    "contract-missing",
                    f"The domain {name} has no {file}.",
                    f"Write that file; `aether new` of another domain shows what it looks like, or remove domains/{name}.",
                )
    standing = {domain.name for domain in workspace.domains()}
    for file, name in sorted(_owners(workspace)):
        if name not in standing and name != "common":
            yield Finding(
                Location(file),
                "domain-missing",
                f"This contract belongs to the domain {name}, and there is no domains/{name}/pyproject.toml.",
                f"Make the domain {name}, or remove its contracts.",
            )


def _owners(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Each contract that stands where one belongs, and the domain that its path names."""
    for folder in ("proto", "openapi"):
        for path in contract_paths(workspace.root, folder):
            file = workspace.relative(path)
            match file.split("/"):
                case ["proto", workspace.name, domain, "v1", name] if name.endswith(".proto"):
                    yield file, domain
                case ["openapi", name] if name.endswith(".yaml"):
                    yield file, path.stem
