"""`aether generate`: generates typed Python from contracts. Imports little, because it runs on every save."""

from __future__ import annotations

from pathlib import Path

from aether_tools.compiler.pipeline import Report
from aether_tools.compiler.pipeline import generate as compile_contracts
from aether_tools.console import FINDINGS, OK, print_error, print_line, report
from aether_tools.finding import visible
from aether_tools.report_formats import Format
from aether_tools.workspace import Workspace


def generate(*, check: bool, as_json: bool) -> int:
    """Write generated code and print the changes, or print findings. Return the exit code: 1 if there are findings.

    An edited file that was overwritten is one: its edit is lost. With `as_json`, print a list of all findings.
    """
    workspace = Workspace.find(Path.cwd())
    result = compile_contracts(workspace.root, check=check)
    if not (result.findings or as_json or check):
        _print_changes(result)
        return FINDINGS if result.overwritten else OK
    form = Format.JSON if as_json else Format.TEXT
    return report(
        [*result.findings, *result.overwritten],
        form=form,
        clean="Generated code is up to date with the contracts.",
    )


def _print_changes(result: Report) -> None:
    for finding in result.overwritten:
        print_error(str(finding))
    for action, files in (("wrote", result.written), ("removed", result.removed)):
        for file in files:
            print_line(f"{action} {visible(file)}")
    if result.written or result.removed:
        print_line(f"{len(result.written)} written, {len(result.removed)} removed.")
    else:
        print_line("Nothing changed.")
