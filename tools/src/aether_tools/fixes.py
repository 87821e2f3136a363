"""Makes the edits that findings carry, all or none of them, for `aether check --fix`."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from aether_tools.finding import Edit, Finding


def fix(root: Path, findings: Iterable[Finding]) -> list[Finding]:
    """Make the edits of the findings in the workspace at `root`, and return those that were fixed.

    A finding is passed over if it would make a file that exists, or that another finding makes. No file is changed if one
    cannot be written; raises `OSError` then.
    """
    fixed = []
    edits: dict[str, list[Edit]] = defaultdict(list)
    made: set[str] = set()
    for finding in sorted(set(findings)):
        new = {edit.file for edit in finding.edits if edit.line == 0}
        if not finding.edits or new & made or any((root / file).exists() for file in new):
            continue
        made |= new
        fixed.append(finding)
        for edit in finding.edits:
            if edit not in edits[edit.file]:  # two findings may need one import
                edits[edit.file].append(edit)
    _write({root / file: _edited(root / file, each) for file, each in edits.items()})
    return fixed


def _edited(file: Path, edits: Sequence[Edit]) -> bytes:
    if any(edit.line == 0 for edit in edits):
        return "".join(edit.text for edit in edits).encode()
    text = file.read_bytes().decode()
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += ending
    added: dict[int, str] = defaultdict(str)
    for edit in edits:
        added[edit.line] += edit.text.replace("\n", ending)
    for line in sorted(added, reverse=True):  # from the end, so that earlier lines keep their numbers
        lines.insert(line - 1, added[line])
    return "".join(lines).encode()


def _write(contents: dict[Path, bytes]) -> None:
    """Replace each file by its content, after all contents are on the disk."""
    waiting: list[tuple[Path, Path]] = []
    try:
        for file, content in contents.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            new = file.with_name(f".{file.name}.aether-fix")
            waiting.append((new, file))
            new.write_bytes(content)
            if file.exists():
                shutil.copymode(file, new)
        for new, file in waiting:
            new.replace(file)
    finally:
        for new, _ in waiting:
            new.unlink(missing_ok=True)
