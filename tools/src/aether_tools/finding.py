"""What a tool has to say about a file: a location, a reason and a fix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """Where in a file; `line` and `column` count from 1, 0 where unknown. `file` is relative to the workspace."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to fix. `code` is stable and documented; `fix` says what to write instead."""

    location: Location
    code: str
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.location}: {self.code} {self.reason}\n  fix: {self.fix}"


class ContractError(Exception):
    """A contract that cannot be compiled; carries every finding, in the order of their places."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(str(finding) for finding in sorted(findings)))
        self.findings = tuple(sorted(findings))
