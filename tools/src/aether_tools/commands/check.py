"""`aether check`: contracts, code and wiring still say the same thing."""

from __future__ import annotations

from pathlib import Path

from aether_tools.check.workspace_check import check_workspace
from aether_tools.compiler.output import replace
from aether_tools.compiler.pipeline import generate as compile_contracts
from aether_tools.console import report
from aether_tools.workspace import Workspace


def check(names: tuple[str, ...], *, as_json: bool) -> int:
    """Print every finding; 1 where there is one."""
    workspace = Workspace.find(Path.cwd())
    with replace.shared(workspace.root):  # contracts, generated code and domains as a whole run left them
        domains = workspace.chosen(names)
        findings = [
            *compile_contracts(workspace.root, check=True).findings,
            *check_workspace(workspace, domains),
        ]
    return report(findings, as_json=as_json, clean=f"Clean: {_count(len(domains))} checked.")


def _count(domains: int) -> str:
    return "1 domain" if domains == 1 else f"{domains} domains"
