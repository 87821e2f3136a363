"""Findings of the compiler and the checks: a location, a code, a reason and a fix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A position in a file. `file` is relative to the workspace; `line` and `column` start at 1, 0 if unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One problem of a workspace. `code` is stable and documented; `fix` says what to do."""

    location: Location
    code: str
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.location}: {self.code} {self.reason}\n  fix: {self.fix}"


class ContractError(Exception):
    """Contracts cannot be compiled. `findings` holds all reasons, sorted by location."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(str(finding) for finding in sorted(findings)))
        self.findings = tuple(sorted(findings))
