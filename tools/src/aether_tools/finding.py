"""Findings of the compiler and the checks: a location, a code, a reason and a fix."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


def visible(text: str) -> str:
    """Return a text on one line, with an escape for each character that cannot be seen.

    File names and contracts are quoted in findings; none may move a terminal's cursor or turn a line around.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A position in a file. `file` is relative to the workspace; `line` and `column` start at 1, 0 if unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        file = visible(self.file)
        return f"{file}:{self.line}:{self.column}" if self.line else file


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines that `aether check --fix` adds to a file, which is relative to the workspace.

    `text` ends with a newline. It goes before the line `line`, counted from 1; 0 makes a new file of it.
    """

    file: str
    line: int
    text: str


class Severity(StrEnum):
    """What a finding does to the exit code, and a change of a contract to its clients."""

    ERROR = "error"
    """Wrong as it stands: every finding that is no change."""
    BREAKING = "breaking"
    """A client that follows the old contract fails."""
    RISKY = "risky"
    """A client may fail, if it relied on more than it should, or on what cannot be compared."""
    SAFE = "safe"

    @property
    def fails(self) -> bool:
        """Whether such a finding fails the command."""
        return self in (Severity.ERROR, Severity.BREAKING)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One problem of a workspace. `code` is stable and documented; `fix` says what to do.

    `edits` do it, where it follows from the rest of the workspace alone; they must be made together.
    A change of a contract has another severity than ERROR. `pointer` is its place in the document: a JSON pointer,
    such as #/paths/~1orders/post, or the full name of a proto element; empty if unknown.
    """

    location: Location
    code: str
    reason: str
    fix: str
    severity: Severity = Severity.ERROR
    pointer: str = ""
    edits: tuple[Edit, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        at = f"\n  at: {visible(self.pointer)}" if self.pointer else ""
        return f"{self.location}: {self.label} {visible(self.reason)}{at}\n  fix: {visible(self.fix)}"

    @property
    def label(self) -> str:
        """The code, after the severity of a change."""
        return self.code if self.severity is Severity.ERROR else f"{self.severity} {self.code}"


class ContractError(Exception):
    """Contracts cannot be compiled. `findings` holds all reasons, sorted by location."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(str(finding) for finding in sorted(findings)))
        self.findings = tuple(sorted(findings))
