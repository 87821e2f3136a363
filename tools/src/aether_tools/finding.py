"""What a tool has to say about a file: a place, a reason and a mend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a file; `line` and `column` count from 1, 0 where unknown. `file` is relative to the workspace."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to mend. `code` is stable and documented; `mend` says what to write instead."""

    place: Place
    code: str
    reason: str
    mend: str

    def __str__(self) -> str:
        return f"{self.place}: {self.code} {self.reason}\n  mend: {self.mend}"


class Refused(Exception):
    """A contract that cannot be compiled; carries every finding, in the order of their places."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(str(finding) for finding in sorted(findings)))
        self.findings = tuple(sorted(findings))
