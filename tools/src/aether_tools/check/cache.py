"""Remembers what the checks found, by the digest of everything that decided it. See `inputs.py`.

The file is `.aether/check.json`, which version control ignores. A missing, damaged or unwritable one only costs time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aether_tools.check.inputs import Inputs
from aether_tools.finding import Edit, Finding, Location
from aether_tools.workspace import Workspace

_FILE: Final = ".aether/check.json"
_FORMAT: Final = 2


class Cache:
    """Results by section, such as `files:billing`. Each has the digest of its inputs."""

    def __init__(self, root: Path) -> None:
        self._file = root / _FILE
        self._known = _load(self._file)
        self._changed = False

    def get(self, section: str, digest: str) -> dict[str, Any] | None:
        """Return what was found with these inputs. None if that is not known."""
        known = self._known.get(section)
        if known is None or known[0] != digest:
            return None
        return known[1]

    def put(self, section: str, digest: str, result: dict[str, Any]) -> None:
        """Remember a result, in place of the section's earlier one."""
        self._known[section] = digest, result
        self._changed = True

    def save(self, current: Callable[[str], str]) -> None:
        """Write the file for the next run, without sections whose inputs have changed meanwhile.

        `current` returns the digest of a section's inputs as they are now, empty if it exists no longer.
        """
        if not self._changed:
            return
        kept = {section: known for section, known in self._known.items() if known[0] == current(section)}
        text = json.dumps({"format": _FORMAT, "sections": kept})
        fresh = self._file.with_name(f"check.{os.getpid()}.new")
        with suppress(OSError):
            try:
                self._file.parent.mkdir(exist_ok=True)
                fresh.write_text(f"{_digest(text)}\n{text}", encoding="utf-8")
                fresh.replace(self._file)
            finally:
                fresh.unlink(missing_ok=True)


class Results:
    """What the checks of a workspace find: remembered where no input has changed. With `fresh`, nothing is."""

    def __init__(self, workspace: Workspace, *, fresh: bool = False) -> None:
        self._workspace = workspace
        self._inputs = Inputs(workspace)
        self._cache = None if fresh else Cache(workspace.root)

    def of(self, section: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the result of a section, found by `find` unless it is known."""
        known = self.known(section)
        if known is None:
            known = find()
            self.remember(section, known)
        return known

    def known(self, section: str) -> dict[str, Any] | None:
        """Return the result of a section. None if it is not known."""
        return None if self._cache is None else self._cache.get(section, self._inputs.of(section))

    def remember(self, section: str, result: dict[str, Any]) -> None:
        """Keep a result for the next run."""
        if self._cache is not None:
            self._cache.put(section, self._inputs.of(section), result)

    def save(self) -> None:
        """Write what is to be remembered."""
        if self._cache is not None:
            self._cache.save(Inputs(self._workspace).of)


def as_data(findings: Iterable[Finding]) -> list[list[Any]]:
    """Return findings as JSON has them."""
    return [
        [
            each.location.file,
            each.location.line,
            each.location.column,
            each.code,
            each.reason,
            each.fix,
            [[edit.file, edit.line, edit.text] for edit in each.edits],
        ]
        for each in findings
    ]


def as_findings(data: Iterable[list[Any]]) -> list[Finding]:
    """Return the findings of `as_data`."""
    return [
        Finding(
            Location(file, line, column),
            code,
            reason,
            fix,
            edits=tuple(Edit(*edit) for edit in edits),
        )
        for file, line, column, code, reason, fix, edits in data
    ]


def _load(file: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    try:
        if not file.is_file():
            return {}
        digest, _, text = file.read_text(encoding="utf-8").partition("\n")
        if digest != _digest(text):
            return {}
        known = json.loads(text)
        if known["format"] != _FORMAT:
            return {}
        return {section: (digest, result) for section, (digest, result) in known["sections"].items()}
    except (OSError, ValueError):
        return {}


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
