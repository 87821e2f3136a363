"""`aether breaking`: what a change of contracts does to clients, for any two OpenAPI documents or proto trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
    try:
        changes = _compare(old, new)
    except ContractError as error:
        raise unreadable(error) from error
    return _print(changes, form=form, everything=everything)


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


def unreadable(error: ContractError) -> UsageError:
    """Return the error of a comparison that cannot be made: exit code 2, because nothing is known of changes."""
    many = len(error.findings) > 1
    return UsageError(
        f"cannot compare, because {'these contracts cannot' if many else 'this contract cannot'} be read:\n{error}",
        findings=error.findings,
    )


def counted(changes: Sequence[Finding]) -> str:
    """Return how many changes there are of each severity, such as 1 breaking, 0 risky, 2 safe."""
    count = Counter(change.severity for change in changes)
    return ", ".join(f"{count[each]} {each}" for each in (Severity.BREAKING, Severity.RISKY, Severity.SAFE))


def _print(changes: Sequence[Finding], *, form: Format, everything: bool) -> int:
    shown = [change for change in changes if everything or change.severity is not Severity.SAFE]
    hint = " `--all` shows the safe ones." if len(shown) < len(changes) else ""
    rules = {code: rule.what.capitalize() for code, rule in RULES.items()}
    clean = f"Nothing breaks: {counted(changes)}.{hint}" if changes else "No change that concerns a client."
    code = report(shown, form=form, rules=rules, clean=clean)
    if shown and form is Format.TEXT:
        print_line(f"Changes: {counted(changes)}.{hint}")
    return code
