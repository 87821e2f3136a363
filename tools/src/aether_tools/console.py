"""Output, errors and exit codes of the command: Rich at a terminal, plain text in a pipe, JSON on request.

Rich is imported only to write to a terminal, because `aether generate` runs on every save.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TextIO

from aether_tools.finding import Finding, visible
from aether_tools.report_formats import Format, as_object, formatted

OK: Final = 0
FINDINGS: Final = 1
FAILED: Final = 2
"""Exit code after wrong usage, bad input, a broken environment or a bug."""
INTERRUPTED: Final = 130
"""Exit code after an interruption: 128 + SIGINT, as a shell reports it."""


class UsageError(Exception):
    """An error that only a person can fix. The message says how; the command prints it and exits with code 2.

    `findings` are the places to fix, if the message names any.
    """

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


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


def report(
    findings: Iterable[Finding],
    *,
    clean: str,
    form: Format = Format.TEXT,
    rules: Mapping[str, str] = MappingProxyType({}),
    most: int | None = None,
) -> int:
    """Print findings sorted by location, or the text `clean` if there are none. Return the exit code.

    `rules` says what some codes mean; `aether explain` shows an example of each. Under GitHub Actions, text comes with
    annotations of the lines. Text shows at most `most` findings of one code, the first ones, and counts the rest. Changes
    that break nothing leave the exit code at 0.
    """
    ordered = sorted(set(findings))
    if form is not Format.TEXT:
        print_line(formatted(ordered, form, rules))
    elif not ordered:
        print_line(clean)
    else:
        shown = _first_of_each(ordered, most)
        if coloured(sys.stdout):
            _print_coloured(shown)
        else:
            for finding in shown:
                print_line(str(finding))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            print_line(formatted(shown, Format.GITHUB, rules))
        hidden = Counter(finding.code for finding in ordered) - Counter(finding.code for finding in shown)
        for code, count in hidden.most_common():
            print_line(f"and {count} more {code}: --all shows them.")
        _print_summary(ordered, rules)
    return FINDINGS if any(finding.severity.fails for finding in ordered) else OK


def _first_of_each(findings: Sequence[Finding], most: int | None) -> list[Finding]:
    """Return the first findings of each code, at most so many; all if `most` is None."""
    seen: Counter[str] = Counter()
    shown = []
    for finding in findings:
        seen[finding.code] += 1
        if most is None or seen[finding.code] <= most:
            shown.append(finding)
    return shown


def _print_summary(findings: Sequence[Finding], rules: Mapping[str, str]) -> None:
    codes = Counter(finding.code for finding in findings).most_common()
    if len(findings) > 1:
        print_line(f"By code: {', '.join(f'{count} {code}' for code, count in codes)}.")
    explained = next((code for code, _ in codes if code in rules), None)
    if explained:
        print_line(f"`aether explain {explained}` shows an example, wrong and right.")
    print_line(_count(findings))


def _count(findings: Sequence[Finding]) -> str:
    return "1 finding." if len(findings) == 1 else f"{len(findings)} findings."


def _print_coloured(findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(
            Text.assemble(
                (str(finding.location), "bold"), " ",
                (finding.label, "bold red" if finding.severity.fails else "bold yellow"), " ",
                visible(finding.reason), "\n", *_at(finding),
                ("  fix: ", "green"), visible(finding.fix),
            )
        )  # fmt: skip


def _at(finding: Finding) -> tuple[str, ...]:
    return (f"  at: {visible(finding.pointer)}\n",) if finding.pointer else ()


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


def guarded(command: Callable[[], int], *, as_json: bool = False) -> int:
    """Run a command and return its exit code. Print any exception as one sentence.

    A program that reads JSON gets the sentence on stdout too, as {"error": ..., "findings": [...]}. AETHER_DEBUG=1 also
    prints the traceback.
    """
    try:
        code = command()
        sys.stdout.flush()
    except UsageError as error:
        print_error("\n".join(map(visible, f"aether: {error}".split("\n"))))
        if as_json:
            print_json({"error": str(error), "findings": [as_object(finding) for finding in error.findings]})
        _print_traceback()
        return FAILED
    except KeyboardInterrupt:
        print_error("aether: interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        discard(sys.stdout)
        return FAILED
    except Exception as error:
        reason = f"this is a bug in aether, not in your work: {type(error).__name__}: {error}"
        if as_json:
            print_json({"error": reason, "findings": []})
        print_error(f"aether: {reason}")
        print_error(
            "aether: run the command again with AETHER_DEBUG=1 and report the bug with the traceback."
        )
        _print_traceback()
        return FAILED
    return code


def _print_traceback() -> None:
    if os.environ.get("AETHER_DEBUG") == "1":
        traceback.print_exc()
