"""Output, errors and exit codes of the command: Rich at a terminal, plain text in a pipe, JSON on request.

Rich is imported only to write to a terminal, because `aether generate` runs on every save.
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
FAILED: Final = 2
"""Exit code after wrong usage, bad input, a broken environment or a bug."""
INTERRUPTED: Final = 130
"""Exit code after an interruption: 128 + SIGINT, as a shell reports it."""


class UsageError(Exception):
    """An error that only a person can fix. The message says how; the command prints it and exits with code 2."""


def coloured(stream: TextIO) -> bool:
    """Return whether `stream` is a terminal that accepts colours. Source: https://no-color.org"""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_line(text: str) -> None:
    """Print one line of the command's result to stdout."""
    sys.stdout.write(f"{text}\n")


def print_error(text: str) -> None:
    """Print one line that is not part of the command's result to stderr."""
    sys.stderr.write(f"{text}\n")


def print_json(value: object) -> None:
    """Print one line of JSON to stdout and flush it, because another program may wait for it."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def report(findings: Iterable[Finding], *, as_json: bool, clean: str) -> int:
    """Print findings sorted by location, or the text `clean` if there are none. Return the exit code.

    With `as_json`, print one list of objects, which is empty if there are no findings.
    """
    ordered = sorted(set(findings))
    if as_json:
        print_json([_as_object(finding) for finding in ordered])
    elif not ordered:
        print_line(clean)
    elif coloured(sys.stdout):
        _print_coloured(ordered)
    else:
        for finding in ordered:
            print_line(str(finding))
        print_line(_count(ordered))
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


def _print_coloured(findings: Sequence[Finding]) -> None:
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


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    """Print a table: with borders at a terminal, as aligned columns in a pipe."""
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
    stream.write("\n".join((title, *lines, "")))  # one write, so that no reader sees half of the table
    stream.flush()


def discard(stream: TextIO) -> None:
    """Redirect `stream` to /dev/null after its reader is gone (`aether check | head`).

    Flushing the rest of its buffer then raises no second `BrokenPipeError`.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def guarded(command: Callable[[], int]) -> int:
    """Run a command and return its exit code. Print any exception as one sentence.

    AETHER_DEBUG=1 also prints the traceback.
    """
    try:
        code = command()
        sys.stdout.flush()
    except UsageError as error:
        print_error(f"aether: {error}")
        _print_traceback()
        return FAILED
    except KeyboardInterrupt:
        print_error("aether: interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        discard(sys.stdout)
        return FAILED
    except Exception as error:
        print_error(f"aether: this is a bug in aether, not in your work: {type(error).__name__}: {error}")
        print_error(
            "aether: run the command again with AETHER_DEBUG=1 and report the bug with the traceback."
        )
        _print_traceback()
        return FAILED
    return code


def _print_traceback() -> None:
    if os.environ.get("AETHER_DEBUG") == "1":
        traceback.print_exc()
