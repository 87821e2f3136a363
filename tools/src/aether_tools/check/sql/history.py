"""Compares the migrations of domains with those of a git ref: one that has run somewhere must stay as it was."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from difflib import SequenceMatcher

from aether_tools.breaking.git import migrations_at
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace

_FIX = "Take it back, and write another migration that changes what this one made."


def check_history(workspace: Workspace, domains: tuple[Domain, ...], ref: str) -> Iterator[Finding]:
    """Yield a finding for each migration at `ref` that does something else now, or is gone.

    Comments, docstrings and layout may change. Raises `UsageError` without git, the repository or the commit.
    """
    chosen = {domain.name for domain in domains}
    for path, before in sorted(migrations_at(workspace.root, ref).items()):
        if path.split("/")[1] not in chosen:
            continue
        file = workspace.root / path
        if not file.is_file():
            yield Finding(
                Location(f"{ref}:{path}", 1, 1),
                "migration-edited",
                f"This migration is gone since {ref}; databases that ran it name it as their revision.",
                "Put it back.",
            )
            continue
        now = file.read_bytes()
        if _meaning(before) != _meaning(now):
            yield Finding(
                Location(path, _first_difference(before, now), 1),
                "migration-edited",
                f"This migration is another one than at {ref}; databases that ran it then will not run it again.",
                _FIX,
            )


def _meaning(source: bytes) -> str | bytes:
    """Return what a module does, without comments, docstrings and layout; its bytes if it is not Python."""
    try:
        tree = ast.parse(source)
    except ValueError:
        return source
    except SyntaxError:
        return source
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _first_difference(before: bytes, now: bytes) -> int:
    """Return the first line of `now`, from 1, that `before` does not have there, comments and blank lines apart."""
    lines = [(number, text) for number, text in enumerate(_lines(now), 1) if _counts(text)]
    matcher = SequenceMatcher(
        None, [text for text in _lines(before) if _counts(text)], [t for _, t in lines], False
    )
    for kind, _, _, start, _ in matcher.get_opcodes():
        if kind != "equal":
            return lines[min(start, len(lines) - 1)][0] if lines else 1
    return 1


def _lines(source: bytes) -> list[str]:
    return [line.strip() for line in source.decode(errors="replace").splitlines()]


def _counts(line: str) -> bool:
    return bool(line) and not line.startswith(("#", '"""'))
