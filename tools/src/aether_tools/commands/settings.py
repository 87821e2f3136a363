"""`aether settings`: prints the reference of the environment variables of domains."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from aether_tools.console import FAILED, OK, UsageError, print_error, print_json, print_line, print_table
from aether_tools.finding import visible
from aether_tools.workspace import Domain, Workspace

_PROBE: Final = Path(__file__).with_name("settings_probe.py")
_LIMIT_SECONDS: Final = 120
_COLUMNS: Final = ("variable", "default", "type", "secret", "needed by", "what it is for")


def settings(names: tuple[str, ...], *, as_json: bool, markdown: bool) -> int:
    """Print every variable of the domains called `names` (all if empty), of those that can be imported.

    Return the exit code: 2 if the settings of one could not be imported. Raises `UsageError` for an unknown name.
    """
    workspace = Workspace.find(Path.cwd())
    described = _described(workspace, workspace.chosen(names))
    readable = [each for each in described if "error" not in each]
    if as_json:
        print_json([{"domain": each["domain"], "variables": each["variables"]} for each in readable])
    for each in () if as_json else readable:
        if markdown:
            print_line(f"## {each['domain']}\n\n{each['markdown']}\n")
        else:
            print_table(each["domain"], _COLUMNS, list(map(_row, each["variables"])), sys.stdout)
            print_line("")
    for each in described:
        if "error" in each:
            print_error(
                f"aether: the settings of {each['domain']} cannot be imported: {visible(each['error'])}. "
                f"`aether check {each['domain']}` shows where."
            )
    return OK if len(readable) == len(described) else FAILED


def _row(variable: dict[str, Any]) -> tuple[str, ...]:
    default = "must be set" if variable["default"] is None else visible(variable["default"]) or "empty"
    secret = "yes" if variable["secret"] else ""
    return (
        variable["variable"],
        default,
        variable["type"],
        secret,
        ", ".join(variable["needed_by"]),
        variable["description"],
    )


def _described(workspace: Workspace, domains: tuple[Domain, ...]) -> list[dict[str, Any]]:
    """Return what the probe says of each domain; an `error` for one that ended or hung it."""
    found: list[dict[str, Any]] = []
    while len(found) < len(domains):
        waiting = domains[len(found) :]
        tasks = [{"domain": each.name, "package": each.package} for each in waiting]
        try:
            ran = subprocess.run(  # noqa: S603 - our own argv
                [str(workspace.python), "-P", str(_PROBE)],
                cwd=workspace.root,
                input=json.dumps(tasks),
                capture_output=True,
                text=True,
                timeout=_LIMIT_SECONDS,
                check=False,
            )
            output, reason = ran.stdout, f"it ended the process with code {ran.returncode}"
        except subprocess.TimeoutExpired as expired:
            output, reason = _text(expired.output), f"it did not end within {_LIMIT_SECONDS} s"
        except OSError as error:
            raise UsageError(
                f"{workspace.python} cannot be run ({error.strerror}): run `make setup`."
            ) from error
        found += [json.loads(line) for line in output.split("\n")[:-1]]
        if len(found) < len(domains):
            found.append({"domain": domains[len(found)].name, "error": reason})
    return found


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
