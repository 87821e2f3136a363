"""`aether check`: checks that contracts, code and wiring match."""

from __future__ import annotations

from pathlib import Path

from aether_tools.check.workspace_check import check_workspace
from aether_tools.compiler.output import replace
from aether_tools.compiler.pipeline import generate as compile_contracts
from aether_tools.console import report
from aether_tools.workspace import Workspace


def check(names: tuple[str, ...], *, as_json: bool) -> int:
    """Print all findings of the domains called `names` (all if empty). Return the exit code: 1 if there are any."""
    workspace = Workspace.find(Path.cwd())
    with replace.shared(workspace.root):  # no other command changes contracts or generated code meanwhile
        domains = workspace.chosen(names)
        findings = [
            *compile_contracts(workspace.root, check=True).findings,
            *check_workspace(workspace, domains),
        ]
    return report(findings, as_json=as_json, clean=f"Clean: {_count(len(domains))} checked.")


def _count(domains: int) -> str:
    return "1 domain" if domains == 1 else f"{domains} domains"
