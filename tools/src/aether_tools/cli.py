"""Entry point of the `aether` command.

`aether generate` runs on every save, so its plain form is dispatched without Typer, whose import takes 0.15 s of the
0.3 s budget. Typer handles everything else, including help and wrong usage. See ADR 0008.
"""

from __future__ import annotations

import io
import sys
from typing import Final

from aether_tools.console import guarded

_GENERATE_FLAGS: Final = frozenset({"--check", "--json"})


def main() -> int:
    """Run the command in `sys.argv` and return its exit code: 0 success, 1 findings, 2 failure, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a file's name need not be text, nor a terminal UTF-8
    arguments = sys.argv[1:]
    if arguments[:1] == ["generate"] and _GENERATE_FLAGS.issuperset(arguments[1:]):
        return guarded(lambda: _generate(arguments), as_json="--json" in arguments)
    from aether_tools.commands.app import run_command_line

    return run_command_line(arguments)


def _generate(arguments: list[str]) -> int:
    from aether_tools.commands.generate import generate

    return generate(check="--check" in arguments, as_json="--json" in arguments)
