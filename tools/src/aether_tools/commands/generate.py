"""`aether generate`: generates typed Python from contracts. Imports little, because it runs on every save."""

from __future__ import annotations

from pathlib import Path

from aether_tools.compiler.pipeline import Report
from aether_tools.compiler.pipeline import generate as compile_contracts
from aether_tools.console import OK, print_error, print_line, report
from aether_tools.workspace import Workspace


def generate(*, check: bool, as_json: bool) -> int:
    """Write generated code and print the changes, or print findings. Return the exit code: 1 if there are findings.

    With `as_json`, print a list of findings, which is empty if there are none.
    """
    workspace = Workspace.find(Path.cwd())
    result = compile_contracts(workspace.root, check=check)
    if not (result.findings or as_json or check):
        _print_changes(result)
        return OK
    return report(result.findings, as_json=as_json, clean="Generated code is up to date with the contracts.")


def _print_changes(result: Report) -> None:
    for finding in result.overwritten:
        print_error(str(finding))
    for action, files in (("wrote", result.written), ("removed", result.removed)):
        for file in files:
            print_line(f"{action} {file}")
    if result.written or result.removed:
        print_line(f"{len(result.written)} written, {len(result.removed)} removed.")
    else:
        print_line("Nothing changed.")
