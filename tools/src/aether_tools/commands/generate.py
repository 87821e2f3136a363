"""`aether generate`: contracts in, typed Python out. Runs on every save, so it imports little."""

from __future__ import annotations

from pathlib import Path

from aether_tools.compiler.pipeline import Report
from aether_tools.compiler.pipeline import generate as compile_contracts
from aether_tools.console import OK, report, say, tell
from aether_tools.workspace import Workspace


def generate(*, check: bool, as_json: bool) -> int:
    """Write what the contracts say, or print what keeps it from being written; 1 where something does.

    As JSON it is the list of findings, empty where all is well.
    """
    workspace = Workspace.find(Path.cwd())
    done = compile_contracts(workspace.root, check=check)
    if not (done.findings or as_json or check):
        _say_what_changed(done)
        return OK
    return report(done.findings, as_json=as_json, clean="Fresh: generated code says what the contracts say.")


def _say_what_changed(done: Report) -> None:
    for finding in done.overwritten:
        tell(str(finding))
    for what, files in (("wrote", done.written), ("removed", done.removed)):
        for file in files:
            say(f"{what} {file}")
    if done.written or done.removed:
        say(f"{len(done.written)} written, {len(done.removed)} removed.")
    else:
        say("Nothing changed.")
