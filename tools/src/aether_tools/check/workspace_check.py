"""Runs all checks of `aether check`, the cheapest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, Final

from aether_tools.check.cache import Results, as_data, as_findings
from aether_tools.check.container.containers import check_containers
from aether_tools.check.contracts.members import check_members
from aether_tools.check.core.effects import check_effects
from aether_tools.check.core.exceptions import check_exceptions
from aether_tools.check.core.state import check_state
from aether_tools.check.core.units import check_units
from aether_tools.check.events.event_map import (
    Declarations,
    EventMap,
    EventsOf,
    check_map,
    declarations,
    event_map,
)
from aether_tools.check.events.event_source import Source, events_of
from aether_tools.check.events.rules import check_source
from aether_tools.check.imports import Viewpoint, check_imports, check_kit, forbidden_in_kits
from aether_tools.check.operations.enums import check_enums
from aether_tools.check.operations.errors import Promise, check_errors
from aether_tools.check.operations.use_cases import check_use_cases
from aether_tools.check.packaging import check_dependencies, check_packaging, distributions
from aether_tools.check.settings import check_development, check_settings
from aether_tools.check.source import InvalidModule, Module, NameResolver, read
from aether_tools.check.sql.mappings import check_mappings
from aether_tools.check.sql.migrations import check_migrations
from aether_tools.console import UsageError
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace, toml_table

_ABSENCES: Final = frozenset(
    {
        "use-case-missing",
        "use-case-unwired",
        "setting-unused",
        "mapping-untested",
        "event-unheard",
        "contract-error",
    }
)
"""Codes of findings that something is not there."""


def check_workspace(
    workspace: Workspace,
    domains: tuple[Domain, ...],
    results: Results | None = None,
    promises: Iterable[Promise] = (),
) -> Iterator[Finding]:
    """Yield the findings of `domains` and of the kits in this workspace, those that are known from `results`.

    `promises` is what their operations declare. The compiler checks that generated code is up to date.
    """
    results = results or Results(workspace, fresh=True)
    unmigrated, unwired, untyped, unknown, unread = set(), [], set(), set(), set()
    for finding in check_files(workspace, domains, results, promises):
        if finding.code in {"migration-line", "migration-import"}:
            unmigrated.add(domain_of(finding))  # running them would fail for the same reason
        if finding.code == "python-syntax":
            unread.add(domain_of(finding))  # importing it would fail for the same reason
        if finding.code == "setting-untyped":
            untyped.add(finding.location.file)
        if finding.code == "setting-unknown":
            unknown.add((finding.location.file, finding.location.line))
        if finding.code == "use-case-unwired":
            unwired.append(finding)
        else:
            yield finding
    mistyped, broken = set(), set()
    changed = [
        domain
        for domain in domains
        if domain.name not in unread and results.known(f"process:{domain.name}") is None
    ]
    for name, finding in check_containers(workspace, changed, unmigrated=unmigrated):
        broken.add(name)
        if finding.code == "container-type":
            mistyped.add(name)
        place = finding.location
        if place.file in untyped or (place.file, place.line) in unknown:
            continue  # the same cause
        yield finding
    for domain in changed:
        # What is broken is tried again each time: it may have been a matter of the machine.
        if domain.name not in broken:
            results.remember(f"process:{domain.name}", {})
    # Whatever is given instead of a use case is the cause.
    yield from (finding for finding in unwired if domain_of(finding) not in mistyped)


def domain_of(finding: Finding) -> str:
    """Return the domain whose folder has the file of a finding."""
    return finding.location.file.split("/")[1]


def check_files(
    workspace: Workspace,
    domains: tuple[Domain, ...],
    results: Results | None = None,
    promises: Iterable[Promise] = (),
) -> Iterator[Finding]:
    """Yield the findings of all checks that only read files and run nothing."""
    results = results or Results(workspace, fresh=True)
    yield from check_members(workspace, domains)
    yield from as_findings(
        results.of("kits", lambda: {"findings": as_data(_check_kits(workspace))})["findings"]
    )
    checked = Checked(workspace, tuple(promises))
    found = {
        domain.name: results.of(f"files:{domain.name}", partial(checked.domain, domain)) for domain in domains
    }
    for name, each in found.items():
        of_files = as_findings(each["findings"])
        yield from of_files
        packages = results.of(f"packages:{name}", partial(checked.packages, workspace.domain(name)))
        # An import that must go need not be declared.
        places = {finding.location for finding in of_files}
        yield from (each for each in as_findings(packages["findings"]) if each.location not in places)
    section = f"map:{','.join(found)}"
    yield from as_findings(results.of(section, lambda: {"findings": as_data(checked.map(found))})["findings"])


class Checked:
    """Checks the files of domains, one after another. `promises` is what their operations declare."""

    def __init__(self, workspace: Workspace, promises: Sequence[Promise] = ()) -> None:
        self._workspace = workspace
        self._promises = promises

    @cached_property
    def _declared(self) -> Declarations:
        return declarations(self._workspace)

    @cached_property
    def _names(self) -> list[str]:
        return [domain.name for domain in self._workspace.domains()]

    @cached_property
    def _distributions(self) -> Mapping[str, frozenset[str]]:
        return distributions(self._workspace)

    def domain(self, domain: Domain) -> dict[str, Any]:
        """Return the findings of a domain, whether its events can be read, and its events, as JSON has them."""
        workspace = self._workspace
        modules, findings = _read(workspace, domain)
        unreadable = bool(findings)
        findings += check_migrations(workspace, domain, self._names)
        ports = list(_ports(workspace, domain))
        names = NameResolver([*modules, *ports])
        findings += _check_source(workspace, domain, modules, ports, names)
        promises = [promise for promise in self._promises if promise.domain == domain.name]
        findings += check_errors(domain.package, modules, names, promises)
        findings += check_mappings(workspace, domain, modules, names)
        findings += check_packaging(workspace, domain, modules)
        project = domain.folder / "pyproject.toml"
        text = project.read_text(encoding="utf-8", errors="replace")
        findings += check_development(domain, workspace.relative(project), text, modules, names)
        source = Source(workspace.name, domain.name, domain.package, modules, names)
        events = list(check_source(source, self._declared, past_outbox=_past_outbox(domain)))
        # A text that stands for an event leaves holes in the map, which are no findings of their own.
        readable = all(finding.code not in {"event-literal", "event-undeclared"} for finding in events)
        if unreadable:  # what seems to be missing may stand in the file that cannot be read
            findings = [each for each in findings if each.code not in _ABSENCES]
            events = [each for each in events if each.code not in _ABSENCES]
        return {
            "findings": as_data([*findings, *events]),
            "readable": readable,
            "events": events_of(source).as_data(),
        }

    def packages(self, domain: Domain) -> dict[str, Any]:
        """Return the findings of what a domain imports, which depend on what is installed."""
        modules, _ = _read(self._workspace, domain)
        return {
            "findings": as_data(check_dependencies(self._workspace, domain, modules, self._distributions))
        }

    def map(self, found: Mapping[str, dict[str, Any]]) -> Iterator[Finding]:
        """Yield the findings that only the events of several domains show."""
        sources = [EventsOf.from_data(name, each["events"]) for name, each in found.items()]
        readable = [name for name, each in found.items() if each["readable"]]
        return check_map(event_map(self._declared, sources), readable)


def map_events(workspace: Workspace) -> EventMap:
    """Return who tells whom in the workspace."""
    declared = declarations(workspace)
    sources = []
    for domain in workspace.domains():
        modules, _ = _read(workspace, domain)
        source = Source(workspace.name, domain.name, domain.package, modules, NameResolver(modules))
        sources.append(events_of(source))
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
    with suppress(UsageError):  # the check of the containers reports it
        settings = toml_table(domain.folder / "pyproject.toml", "tool", "aether", "check") or {}
        return tuple(map(str, settings.get("past_outbox", ())))
    return ()


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
    forbidden = forbidden_in_kits(workspace.name, domains)
    words = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(forbidden)))})\b".encode())
    for member in ("adapters", "tools"):
        for source in sorted((workspace.root / member / "src").glob("*/")):
            modules = read(workspace.root, source, source.name, words)
            yield from check_kit(forbidden, (each for each in modules if isinstance(each, Module)), names)


def _syntax_finding(file: InvalidModule) -> Finding:
    return Finding(
        Location(file.file, file.line, file.column),
        "python-syntax",
        f"This file is not valid Python: {file.reason}.",
        "Correct the syntax, then run the check again; it skipped this file.",
    )
