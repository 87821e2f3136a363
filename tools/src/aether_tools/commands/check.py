"""`aether check`: checks that contracts, code and wiring match."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aether_tools import fixes
from aether_tools.check.cache import Results, as_data, as_findings
from aether_tools.check.contracts.contract_check import Checked, check_all, chosen
from aether_tools.check.explanations import EXPLANATIONS
from aether_tools.check.workspace_check import check_workspace, domain_of, map_events
from aether_tools.compiler.output import replace
from aether_tools.compiler.pipeline import generate as compile_contracts
from aether_tools.console import OK, print_error, print_json, print_line, print_table, report
from aether_tools.finding import Finding, visible
from aether_tools.report_formats import Format
from aether_tools.workspace import Workspace

MOST_OF_ONE_CODE: Final = 10
"""So many findings of one code are shown as text: whoever mends the first ones often mends the rest with them."""
_CONTRACTS: Final = ("proto/", "openapi/")
_ROUNDS: Final = 5
"""A fix of a contract shows what lacks in the code, and that is fixed next."""


@dataclass(frozen=True, slots=True)
class Against:
    """The commit that contracts are compared with; `everything` prints safe changes too."""

    ref: str
    everything: bool


def check(
    names: tuple[str, ...],
    *,
    form: Format,
    show_all: bool = False,
    fix: bool = False,
    against: Against | None = None,
) -> int:
    """Print the findings of the domains called `names` (all if empty). Return the exit code: 1 if any of them fails.

    Text shows the first 10 of each code, unless `show_all`. With `fix`, first make the edits that findings carry, generate
    what the contracts then say, and check again, until there is nothing more to do so. With `against`, also print how
    the contracts changed. Raises `UsageError` if they cannot be compared.
    """
    workspace = Workspace.find(Path.cwd())
    found = _findings(workspace, names)
    for _ in range(_ROUNDS if fix else 0):
        if not _improve(workspace, found.all, form):
            break
        found = _findings(workspace, names)
    rules = {code: explanation.what for code, explanation in EXPLANATIONS.items()}
    findings, sentence = found.all, ""
    if against is not None:
        # The comparison's imports take time.
        from aether_tools.check.sql.history import check_history
        from aether_tools.commands.against import changes_since

        with replace.shared(workspace.root):
            changes = changes_since(
                workspace, names, against.ref, found.compiled, everything=against.everything
            )
            edited = list(check_history(workspace, workspace.chosen(names), against.ref))
        # A migration that was edited makes other tables: that is no second fault.
        domains = {finding.location.file.rpartition(":")[2].split("/")[1] for finding in edited}
        findings = [
            each for each in findings if each.code != "migration-pending" or domain_of(each) not in domains
        ]
        findings += [*changes.findings, *edited]
        sentence, rules = changes.sentence, rules | changes.rules
    clean = " ".join((f"Clean: {_count(len(workspace.chosen(names)))} checked.", sentence)).strip()
    code = report(findings, form=form, rules=rules, clean=clean, most=None if show_all else MOST_OF_ONE_CODE)
    if findings and sentence and form is Format.TEXT:
        print_line(sentence)
    return code


@dataclass(frozen=True, slots=True)
class _Found:
    """The findings of the compiler, and those of the checks after them."""

    compiled: list[Finding]
    checked: list[Finding]

    @property
    def all(self) -> list[Finding]:
        return [*self.compiled, *self.checked]


def _findings(workspace: Workspace, names: tuple[str, ...]) -> _Found:
    with replace.shared(workspace.root):  # no other command changes contracts or generated code meanwhile
        domains = workspace.chosen(names)
        results = Results(workspace)
        contracts = results.of("contracts", lambda: _contracts(workspace))
        compiled = as_findings(contracts["compiler"])
        checked: list[Finding] = []
        if all(finding.code != "contract-workspace" for finding in compiled):
            of_contracts = chosen(workspace, domains, Checked.from_data(contracts["checked"]))
            checked += of_contracts.findings
            checked += check_workspace(workspace, domains, results, of_contracts.promises)
        results.save()
    return _Found(compiled, checked)


def _contracts(workspace: Workspace) -> dict[str, Any]:
    """Return what the compiler and the checks of contracts find, as JSON has it."""
    report = compile_contracts(workspace.root, check=True)
    checked = check_all(workspace, report.compiled)
    return {"compiler": as_data(report.findings), "checked": checked.as_data()}


def _improve(workspace: Workspace, findings: Sequence[Finding], form: Format) -> bool:
    """Do what follows from the findings alone, say it, and return whether it was anything."""
    with replace.exclusive(workspace.root):
        fixed = fixes.fix(workspace.root, findings)
    done = [
        f"fixed {finding.location}: {finding.code} {visible(finding.reason)}\n  {_edits(finding)}"
        for finding in fixed
    ]
    contracts = any(edit.file.startswith(_CONTRACTS) for finding in fixed for edit in finding.edits)
    if contracts and not any(finding.code.startswith("generated-") for finding in findings):
        done += [f"generated {visible(file)}" for file in compile_contracts(workspace.root).written]
    for line in done:
        (print_line if form is Format.TEXT else print_error)(line)
    return bool(done)


def _edits(finding: Finding) -> str:
    """Return which files the edits of a finding made or changed."""
    made = sorted({f"wrote {visible(edit.file)}" for edit in finding.edits if edit.line == 0})
    changed = sorted({f"edited {visible(edit.file)}" for edit in finding.edits if edit.line})
    return ", ".join([*made, *changed])


def show_map(*, as_json: bool) -> int:
    """Print every event of the workspace: who publishes it, and who hears it. Return the exit code."""
    workspace = Workspace.find(Path.cwd())
    with replace.shared(workspace.root):
        events = map_events(workspace)
    rows = [
        {
            "event": each.name,
            "topic": each.topic,
            "publisher": each.owner if each.name in events.published else None,
            "hearers": [
                {"domain": hearer.domain, "provider": hearer.provider}
                for hearer in sorted(events.hearers(each.name))
            ],
        }
        for each in events.declared
    ]
    if as_json:
        print_json(rows)
        return OK
    hearers = {
        each.name: ", ".join(
            f"{hearer.domain} ({hearer.provider})" for hearer in sorted(events.hearers(each.name))
        )
        for each in events.declared
    }
    table = [
        (
            each.name,
            each.owner if each.name in events.published else "nobody",
            hearers[each.name] or "nobody here",
        )
        for each in events.declared
    ]
    print_table("Who tells whom", ("event", "published by", "heard by"), table, sys.stdout)
    return OK


def _count(domains: int) -> str:
    return "1 domain" if domains == 1 else f"{domains} domains"
