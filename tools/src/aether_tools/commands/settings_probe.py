"""Describes the settings of domains. Runs in the workspace's own Python.

It runs as a script and imports nothing of aether_tools. It reads tasks as JSON from standard input and writes one JSON
object a line for each domain: its variables, its table in Markdown, or the error.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sys
from typing import Any


def main() -> None:
    """Work through the tasks; never raises for what a domain does."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # domains may print
    for task in json.load(sys.stdin):
        try:
            answer = _described(task["package"])
        except BaseException as error:
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        out.write(json.dumps({"domain": task["domain"]} | answer) + "\n")
        out.flush()
    os._exit(0)


def _described(package: str) -> dict[str, Any]:
    from aether_adapters.service.variables import Variables

    module = importlib.import_module(f"{package}.settings")
    found = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Variables) and each.__module__ == module.__name__
    ]
    variables = [dataclasses.asdict(variable) for each in found for variable in each.described()]
    return {"variables": variables, "markdown": "\n\n".join(each.documentation() for each in found)}


if __name__ == "__main__":
    main()
