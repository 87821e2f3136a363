"""`aether check`: checks that contracts, code and wiring match."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from aether_tools.check.explanations import EXPLANATIONS
from aether_tools.check.workspace_check import check_workspace, map_events
from aether_tools.compiler.output import replace
from aether_tools.compiler.pipeline import generate as compile_contracts
from aether_tools.console import OK, print_json, print_line, print_table, report
from aether_tools.finding import Finding
from aether_tools.report_formats import Format
from aether_tools.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Against:
    """The commit that contracts are compared with; `everything` prints safe changes too."""

    ref: str
    everything: bool


def check(names: tuple[str, ...], *, form: Format, against: Against | None = None) -> int:
    """Print all findings of the domains called `names` (all if empty). Return the exit code: 1 if any of them fails.

    With `against`, also print how their contracts changed. Raises `UsageError` if they cannot be compared.
    """
    workspace = Workspace.find(Path.cwd())
    changes: tuple[Finding, ...] = ()
    sentence = ""
    rules = {code: explanation.what for code, explanation in EXPLANATIONS.items()}
    with replace.shared(workspace.root):  # no other command changes contracts or generated code meanwhile
        domains = workspace.chosen(names)
        compiled = compile_contracts(workspace.root, check=True).findings
        if against is not None:
            from aether_tools.commands.against import changes_since  # the comparison's imports take time

            found = changes_since(workspace, names, against.ref, compiled, everything=against.everything)
            changes, sentence = found.findings, found.sentence
            rules |= found.rules
        findings = [*compiled, *check_workspace(workspace, domains), *changes]
    clean = " ".join((f"Clean: {_count(len(domains))} checked.", sentence)).strip()
    code = report(findings, form=form, rules=rules, clean=clean)
    if findings and sentence and form is Format.TEXT:
        print_line(sentence)
    return code


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
