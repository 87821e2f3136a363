"""`aether check`: checks that contracts, code and wiring match."""

from __future__ import annotations

import sys
from pathlib import Path

from aether_tools.check.contracts.contract_check import check_contracts
from aether_tools.check.explanations import EXPLANATIONS
from aether_tools.check.workspace_check import check_workspace, map_events
from aether_tools.compiler.output import replace
from aether_tools.compiler.pipeline import generate as compile_contracts
from aether_tools.console import OK, print_json, print_table, report
from aether_tools.report_formats import Format
from aether_tools.workspace import Workspace


def check(names: tuple[str, ...], *, form: Format) -> int:
    """Print all findings of the domains called `names` (all if empty). Return the exit code: 1 if there are any."""
    workspace = Workspace.find(Path.cwd())
    with replace.shared(workspace.root):  # no other command changes contracts or generated code meanwhile
        domains = workspace.chosen(names)
        contracts = compile_contracts(workspace.root, check=True)
        findings = list(contracts.findings)
        if all(finding.code != "contract-workspace" for finding in findings):
            checked = check_contracts(workspace, domains, contracts.compiled)
            findings += checked.findings
            findings += check_workspace(workspace, domains, checked.promises)
    rules = {code: explanation.what for code, explanation in EXPLANATIONS.items()}
    return report(findings, form=form, rules=rules, clean=f"Clean: {_count(len(domains))} checked.")


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
