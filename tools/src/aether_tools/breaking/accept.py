"""The changes that a workspace accepts for a while: `[[tool.aether.check.accept]]` in its pyproject.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from aether_tools.breaking.proto_rules import EVENTS, UNKNOWN, reason_and_fix
from aether_tools.breaking.rules import RULES
from aether_tools.console import UsageError
from aether_tools.finding import Finding, Location
from aether_tools.workspace import toml_table

EXPIRED: Final = "accept-expired"
WHY_EXPIRED: Final = "A change was accepted until a date, so that somebody decides again."
FIX_EXPIRED: Final = "Remove the entry if the change is done, or decide again and give it a later date."
_HEADER: Final = re.compile(r"\s*\[\[\s*tool\.aether\.check\.accept\s*\]\]|\s*accept\s*=")
_KEYS: Final = ("code", "place", "reason", "until")
_EXAMPLE: Final = (
    'code = "api-request-limit-tightened", place = "openapi/billing.yaml#/components/schemas/Note", '
    'reason = "nobody sends more", until = 2027-01-31'
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry: changes with a code, at or below a place, until a date. `location` is the entry's own.

    `place` is a file, or a file and the beginning of a pointer: proto/acme/billing/v1/billing.proto#acme.billing.v1.Note.
    """

    code: str
    place: str
    reason: str
    until: date
    location: Location

    def covers(self, change: Finding) -> bool:
        """Return whether an entry is about a change. A ref before the file's name has no meaning."""
        file, _, element = self.place.partition("#")
        if change.code != self.code or change.location.file.rpartition(":")[2] != file:
            return False
        pointer = change.pointer.removeprefix("#")
        return not element or pointer == element or pointer.startswith((f"{element}/", f"{element}."))


def accepted(root: Path) -> tuple[Accepted, ...]:
    """Return the entries of a workspace. Raises `UsageError` for one that is not complete."""
    file = root / "pyproject.toml"
    entries = (toml_table(file, "tool", "aether", "check") or {}).get("accept", [])
    if not isinstance(entries, list):
        raise UsageError(
            f"{file}: accept in [tool.aether.check] must be a list of tables: [[tool.aether.check.accept]]."
        )
    lines = _lines(file) if entries else []
    return tuple(
        _entry(
            file,
            each,
            Location(file.name, lines[min(index, len(lines) - 1)] if lines else 0, 1 if lines else 0),
        )
        for index, each in enumerate(entries)
    )


def apply(
    changes: Sequence[Finding], entries: Sequence[Accepted], today: date
) -> tuple[tuple[Finding, ...], int]:
    """Return the changes that no entry covers, with a finding for each entry whose date has passed, and how many it covers."""
    valid = [entry for entry in entries if entry.until >= today]
    rest = tuple(change for change in changes if not any(entry.covers(change) for entry in valid))
    return (*rest, *_expired(entries, today)), len(changes) - len(rest)


def _expired(entries: Sequence[Accepted], today: date) -> Iterator[Finding]:
    for entry in entries:
        if entry.until < today:
            yield Finding(
                entry.location,
                EXPIRED,
                f"{entry.code} at {entry.place} was accepted until {entry.until}: {entry.reason.rstrip('.')}.",
                FIX_EXPIRED,
            )


def _entry(file: Path, entry: Any, location: Location) -> Accepted:
    where = f"{file}:{location.line}" if location.line else str(file)
    if not isinstance(entry, dict) or sorted(entry) != sorted(_KEYS):
        raise UsageError(
            f"{where}: an entry of accept has {', '.join(_KEYS)} and nothing else, such as {_EXAMPLE}."
        )
    until = entry["until"]
    if isinstance(until, datetime) or not isinstance(until, date):
        raise UsageError(f"{where}: until must be a date without quotes, such as until = 2027-01-31.")
    for key in ("code", "place", "reason"):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise UsageError(f"{where}: {key} of an entry of accept must be text, such as {_EXAMPLE}.")
    if not _known(entry["code"]):
        near = get_close_matches(entry["code"], [*RULES, *EVENTS], 1)
        raise UsageError(
            f"{where}: there is no change {entry['code']}"
            + (f"; did you mean {near[0]}?" if near else "; `aether check --against` prints the codes.")
        )
    return Accepted(entry["code"], entry["place"], entry["reason"], until, location)


def _known(code: str) -> bool:
    rule = code.removeprefix("buf-").upper().replace("-", "_")
    return (
        code in RULES or code in EVENTS or (code.startswith("buf-") and reason_and_fix(code, rule) != UNKNOWN)
    )


def _lines(file: Path) -> list[int]:
    """Return the line of each entry; that of the list for entries in one."""
    text = file.read_text(encoding="utf-8")
    return [number for number, line in enumerate(text.split("\n"), 1) if _HEADER.match(line)]
