"""Runs all checks of `aether check`, the cheapest first."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.check.container import check_containers
from aether_tools.check.imports import Viewpoint, check_imports, check_kit
from aether_tools.check.members import check_members
from aether_tools.check.source import InvalidModule, Module, NameResolver, read
from aether_tools.check.usecases import check_use_cases
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace


def check_workspace(workspace: Workspace, domains: tuple[Domain, ...]) -> Iterator[Finding]:
    """Yield the findings of `domains` and of the kits in this workspace.

    The compiler checks that generated code is up to date.
    """
    yield from check_files(workspace, domains)
    yield from check_containers(workspace, domains)


def check_files(workspace: Workspace, domains: tuple[Domain, ...]) -> Iterator[Finding]:
    """Yield the findings of all checks that only read files and run nothing."""
    yield from check_members(workspace, domains)
    yield from _check_kits(workspace)
    for domain in domains:
        yield from _check_source(workspace, domain)


def _check_source(workspace: Workspace, domain: Domain) -> Iterator[Finding]:
    modules = []
    for each in read(workspace.root, domain.source, domain.package):
        if isinstance(each, InvalidModule):
            yield _syntax_finding(each)
        else:
            modules.append(each)
    ports = list(_ports(workspace, domain))
    names = NameResolver([*modules, *ports])
    domains = [other.name for other in workspace.domains()]
    yield from check_imports(Viewpoint(workspace.name, domain.name, domains), modules, names)
    for port in ports:
        if port.name.endswith(".port"):
            yield from check_use_cases(workspace, domain, port, modules, names)


def _ports(workspace: Workspace, domain: Domain) -> Iterator[Module]:
    """Yield the generated ports and types of a domain. Skip invalid files, which the compiler reports."""
    generated = workspace.root / "proto" / "gen" / workspace.name / domain.name
    for version in sorted(generated.glob("v*")):
        for each in read(workspace.root, version, f"{workspace.name}.{domain.name}.{version.name}"):
            if isinstance(each, Module) and each.name.rpartition(".")[2] in {"port", "types"}:
                yield each


def _check_kits(workspace: Workspace) -> Iterator[Finding]:
    names = NameResolver(())
    domains = [domain.name for domain in workspace.domains()]
    for member in ("adapters", "tools"):
        for source in sorted((workspace.root / member / "src").glob("*/")):
            modules = [each for each in read(workspace.root, source, source.name) if isinstance(each, Module)]
            yield from check_kit(workspace.name, domains, modules, names)


def _syntax_finding(file: InvalidModule) -> Finding:
    return Finding(
        Location(file.file, file.line, file.column),
        "python-syntax",
        f"This file is not valid Python: {file.reason}.",
        "Correct the syntax, then run the check again; it skipped this file.",
    )
