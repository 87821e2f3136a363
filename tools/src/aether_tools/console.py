"""How the command talks to people: rich at a terminal, plain in a pipe, JSON where asked.

Nothing here imports Rich until a terminal is there to show it: `aether generate` runs on every save.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Final, TextIO

from aether_tools.finding import Finding

OK: Final = 0
FINDINGS: Final = 1
UNUSABLE: Final = 2
"""Wrong usage, a broken environment or bad input: nothing was done."""
INTERRUPTED: Final = 130
"""128 + SIGINT, as a shell reports it."""


class UsageError(Exception):
    """A mistake that only a person can fix; its text says how. The command prints it and exits with 2."""


def coloured(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that wants colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str = "") -> None:
    """One line on standard output."""
    sys.stdout.write(f"{text}\n")


def tell(text: str) -> None:
    """One line on standard error: what is not the command's result."""
    sys.stderr.write(f"{text}\n")


def say_json(value: object) -> None:
    """One JSON document on a line of standard output, seen at once by whoever waits for it."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def report(findings: Iterable[Finding], *, as_json: bool, clean: str) -> int:
    """Print `findings` in the order of their places, or `clean` where there are none; gives the exit code.

    As JSON it is one list of objects, empty if there are no findings.
    """
    ordered = sorted(set(findings))
    if as_json:
        say_json([_as_object(finding) for finding in ordered])
    elif not ordered:
        say(clean)
    elif coloured(sys.stdout):
        _paint(ordered)
    else:
        for finding in ordered:
            say(str(finding))
        say(_count(ordered))
    return FINDINGS if ordered else OK


def _as_object(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        **asdict(finding.location),
        "reason": finding.reason,
        "fix": finding.fix,
    }


def _count(findings: Sequence[Finding]) -> str:
    return "1 finding." if len(findings) == 1 else f"{len(findings)} findings."


def _paint(findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(
            Text.assemble(
                (str(finding.location), "bold"), " ", (finding.code, "bold red"), " ", finding.reason, "\n",
                ("  fix: ", "green"), finding.fix,
            )
        )  # fmt: skip
    console.print(Text(_count(findings), "bold red"))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    """A table: drawn at a terminal, aligned words in a pipe."""
    if coloured(stream):
        from rich.console import Console
        from rich.table import Table

        drawn = Table(*columns, title=title, title_justify="left")
        for row in rows:
            drawn.add_row(*row)
        Console(file=stream, highlight=False).print(drawn)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (columns, *rows)
    )
    stream.write("\n".join((title, *lines, "")))  # in one piece: who read a line of it has read it whole
    stream.flush()


def discard(stream: TextIO) -> None:
    """Whoever read `stream` has gone (`aether check | head`): what its buffer still holds must not complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def guarded(command: Callable[[], int]) -> int:
    """Run `command`; whatever goes wrong becomes a sentence and an exit code, never a stack trace.

    AETHER_DEBUG=1 adds the trace.
    """
    try:
        code = command()
        sys.stdout.flush()
    except UsageError as error:
        tell(f"aether: {error}")
        _trace()
        return UNUSABLE
    except KeyboardInterrupt:
        tell("aether: interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        discard(sys.stdout)
        return UNUSABLE
    except Exception as error:
        tell(f"aether: this is a bug in aether, not in your work: {type(error).__name__}: {error}")
        tell("aether: run it again with AETHER_DEBUG=1 to see where, and report it with that trace.")
        _trace()
        return UNUSABLE
    return code


def _trace() -> None:
    if os.environ.get("AETHER_DEBUG") == "1":
        traceback.print_exc()
