"""Runs all checks of `aether check`, the cheapest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aether_tools.check.container.containers import check_containers
from aether_tools.check.contracts.enums import check_enums
from aether_tools.check.contracts.errors import Promise, check_errors
from aether_tools.check.contracts.members import check_members
from aether_tools.check.contracts.use_cases import check_use_cases
from aether_tools.check.core.effects import check_effects
from aether_tools.check.core.exceptions import check_exceptions
from aether_tools.check.core.state import check_state
from aether_tools.check.core.units import check_units
from aether_tools.check.events.event_map import EventMap, check_map, declarations
from aether_tools.check.events.event_source import Source, event_map
from aether_tools.check.events.rules import check_source
from aether_tools.check.imports import Viewpoint, check_imports, check_kit
from aether_tools.check.settings import check_settings
from aether_tools.check.source import InvalidModule, Module, NameResolver, read
from aether_tools.check.sql.migrations import check_migrations
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace, toml_table


def check_workspace(
    workspace: Workspace, domains: tuple[Domain, ...], promises: Iterable[Promise] = ()
) -> Iterator[Finding]:
    """Yield the findings of `domains` and of the kits in this workspace. `promises` is what their operations declare.

    The compiler checks that generated code is up to date.
    """
    unmigrated, unwired = set(), []
    for finding in check_files(workspace, domains, promises):
        if finding.code in {"migration-line", "migration-import"}:
            unmigrated.add(_domain_of(finding))  # running them would fail for the same reason
        if finding.code == "use-case-unwired":
            unwired.append(finding)
        else:
            yield finding
    mistyped = set()
    for finding in check_containers(workspace, domains, unmigrated=unmigrated):
        if finding.code == "container-type":
            mistyped.add(_domain_of(finding))
        yield finding
    # Whatever is given instead of a use case is the cause.
    yield from (finding for finding in unwired if _domain_of(finding) not in mistyped)


def _domain_of(finding: Finding) -> str:
    """Return the domain whose folder has the file of a finding."""
    return finding.location.file.split("/")[1]


def check_files(
    workspace: Workspace, domains: tuple[Domain, ...], promises: Iterable[Promise] = ()
) -> Iterator[Finding]:
    """Yield the findings of all checks that only read files and run nothing."""
    yield from check_members(workspace, domains)
    yield from _check_kits(workspace)
    declared = declarations(workspace)
    names_of_all = [domain.name for domain in workspace.domains()]
    sources, readable = [], []
    for domain in domains:
        modules, findings = _read(workspace, domain)
        yield from findings
        yield from check_migrations(workspace, domain, names_of_all)
        ports = list(_ports(workspace, domain))
        names = NameResolver([*modules, *ports])
        yield from _check_source(workspace, domain, modules, ports, names)
        own = [promise for promise in promises if promise.domain == domain.name]
        yield from check_errors(domain.package, modules, names, own)
        source = Source(workspace.name, domain.name, domain.package, modules, names)
        sources.append(source)
        found = list(check_source(source, declared, past_outbox=_past_outbox(domain)))
        yield from found
        if all(finding.code not in {"event-literal", "event-undeclared"} for finding in found):
            readable.append(domain.name)
    # A text that stands for an event leaves holes in the map, which are no findings of their own.
    yield from check_map(event_map(declared, sources), readable)


def map_events(workspace: Workspace) -> EventMap:
    """Return who tells whom in the workspace."""
    declared = declarations(workspace)
    sources = []
    for domain in workspace.domains():
        modules, _ = _read(workspace, domain)
        sources.append(Source(workspace.name, domain.name, domain.package, modules, NameResolver(modules)))
    return event_map(declared, sources)


def _read(workspace: Workspace, domain: Domain) -> tuple[list[Module], list[Finding]]:
    """Return the modules of a domain, and a finding for each file that is not one."""
    modules: list[Module] = []
    findings = []
    for each in read(workspace.root, domain.source, domain.package):
        if isinstance(each, InvalidModule):
            findings.append(_syntax_finding(each))
        else:
            modules.append(each)
    return modules, findings


def _past_outbox(domain: Domain) -> tuple[str, ...]:
    """Return the events that the domain says it sends without the outbox."""
    settings = toml_table(domain.folder / "pyproject.toml", "tool", "aether", "check") or {}
    return tuple(map(str, settings.get("past_outbox", ())))


def _check_source(
    workspace: Workspace, domain: Domain, modules: list[Module], ports: list[Module], names: NameResolver
) -> Iterator[Finding]:
    domains = [other.name for other in workspace.domains()]
    yield from check_imports(Viewpoint(workspace.name, domain.name, domains), modules, names)
    yield from check_effects(workspace.name, modules, names)
    yield from check_state(modules, names)
    yield from check_exceptions(modules, names)
    yield from check_units(domain.package, modules, names)
    yield from check_enums(modules, ports, names)
    yield from check_settings(modules, names)
    generated = {module.name: module for module in ports}
    for port in ports:
        package, _, name = port.name.rpartition(".")
        types = generated.get(f"{package}.types")
        if name == "port" and types is not None:
            yield from check_use_cases(workspace, domain, port, types, modules, names)


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
