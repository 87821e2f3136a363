"""Where the `aether` command begins.

`aether generate` runs on every save, so its plain form is dispatched before Typer is imported (0.15 s of
the 0.3 s it may cost); every other line, its help and its wrong uses included, is Typer's. See ADR 0008.
"""

from __future__ import annotations

import sys
from typing import Final

from aether_tools.console import guarded

_QUICK: Final = frozenset({"--check", "--json"})


def main() -> int:
    """Run the command that `sys.argv` names; gives its exit code: 0 ok, 1 findings, 2 could not be done."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["generate"] and _QUICK.issuperset(arguments[1:]):
        return guarded(lambda: _generate(arguments))
    from aether_tools.commands.app import run

    return run(arguments)


def _generate(arguments: list[str]) -> int:
    from aether_tools.commands.generate import generate

    return generate(check="--check" in arguments, as_json="--json" in arguments)
