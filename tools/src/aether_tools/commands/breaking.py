"""`aether breaking`: what a change of contracts does to clients, for any two OpenAPI documents or proto trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aether_tools.breaking.buf import Tree
from aether_tools.breaking.library import Library
from aether_tools.breaking.openapi import compare_documents
from aether_tools.breaking.proto import compare_trees
from aether_tools.breaking.rules import RULES
from aether_tools.console import UsageError, print_line, report
from aether_tools.finding import ContractError, Finding, Severity
from aether_tools.report_formats import Format


def breaking(old: Path, new: Path, *, form: Format, everything: bool) -> int:
    """Print how `new` differs from `old` for a client. Return the exit code: 1 if something breaks.

    Safe changes are printed if `everything`. Raises `UsageError` if one of them cannot be read or compared.
    """
    with refusals():
        return print_changes(_compare(old, new), form=form, everything=everything)


def _compare(old: Path, new: Path) -> tuple[Finding, ...]:
    for path in (old, new):
        if not path.exists():
            raise UsageError(
                f"{path} does not exist: name two OpenAPI documents, or two folders with proto files."
            )
    if old.is_dir() != new.is_dir():
        raise UsageError(
            f"{old} and {new} are a folder and a file: name two folders with proto files, or two documents."
        )
    if not old.is_dir():
        return _compare_documents(old, new)
    for path in (old, new):
        if not any(path.rglob("*.proto")):
            raise UsageError(
                f"{path} has no proto files: name two folders that do, or two OpenAPI documents."
            )
    return compare_trees(Tree(old.resolve(), str(old)), Tree(new.resolve(), str(new)))


def _compare_documents(old: Path, new: Path) -> tuple[Finding, ...]:
    for path in (old, new):
        if path.suffix == ".proto":
            raise UsageError(f"{path} is one proto file: name the folder that its imports are relative to.")
    here = Path.cwd()
    return compare_documents(
        here / old,
        here / new,
        old_library=Library(here),
        new_library=Library(here),
        today=datetime.now(UTC).date(),
    )


@contextmanager
def refusals() -> Iterator[None]:
    """Turn contracts that cannot be compared into an error of usage: exit code 2, not a change."""
    try:
        yield
    except ContractError as error:
        count = len(error.findings)
        raise UsageError(
            f"cannot compare, because {'this contract is' if count == 1 else f'of these {count} findings, the contracts are'} "
            f"not valid:\n{error}",
            findings=error.findings,
        ) from error


def print_changes(changes: Sequence[Finding], *, form: Format, everything: bool) -> int:
    """Print changes and, as text, how many there are of each severity. Return the exit code."""
    count = Counter(change.severity for change in changes)
    shown = [change for change in changes if everything or change.severity is not Severity.SAFE]
    total = ", ".join(
        f"{count[severity]} {severity}" for severity in (Severity.BREAKING, Severity.RISKY, Severity.SAFE)
    )
    hint = " `--all` shows the safe ones." if count[Severity.SAFE] and not everything else ""
    rules = {code: rule.what.capitalize() for code, rule in RULES.items()}
    clean = f"Nothing breaks: {total}.{hint}" if changes else "No change that concerns a client."
    code = report(shown, form=form, rules=rules, clean=clean)
    if shown and form is Format.TEXT:
        print_line(f"Changes: {total}.{hint}")
    return code
