"""Findings of the compiler and the checks: a location, a code, a reason and a fix."""

from __future__ import annotations

from dataclasses import dataclass, field


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


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One problem of a workspace. `code` is stable and documented; `fix` says what to do.

    `edits` do it, where it follows from the rest of the workspace alone; they must be made together.
    """

    location: Location
    code: str
    reason: str
    fix: str
    edits: tuple[Edit, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.location}: {self.code} {visible(self.reason)}\n  fix: {visible(self.fix)}"


class ContractError(Exception):
    """Contracts cannot be compiled. `findings` holds all reasons, sorted by location."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(str(finding) for finding in sorted(findings)))
        self.findings = tuple(sorted(findings))
