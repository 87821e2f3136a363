"""Collects changes while two documents are compared, and says which operations each of them concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from aether_tools.breaking.places import Place
from aether_tools.breaking.rules import RULES
from aether_tools.finding import Finding, Location, Severity

Key = tuple[object, ...]
"""Names one comparison: an operation, or a pair of schemas in one direction."""


@dataclass(frozen=True, slots=True)
class _Change:
    code: str
    what: str
    place: Place
    key: Key


class Changes:
    """The changes found so far. A schema that many operations use is compared, and told, once."""

    def __init__(self) -> None:
        self._changes: list[_Change] = []
        self._users: dict[Key, dict[Key, None]] = {}
        self._found: dict[Key, frozenset[str]] = {}

    def add(self, code: str, what: str, place: Place, key: Key) -> None:
        """Add a change. `what` says it in one sentence, without the reason, which the rule gives."""
        self._changes.append(_Change(code, what, place, key))

    @property
    def safe(self) -> bool:
        """Whether all changes so far are safe."""
        return all(RULES[change.code].severity is Severity.SAFE for change in self._changes)

    def use(self, key: Key, by: Key) -> None:
        """Say that one comparison is a part of another one."""
        self._users.setdefault(key, {})[by] = None

    def findings(
        self, old: Callable[[Location], Location], new: Callable[[Location], Location]
    ) -> Iterator[Finding]:
        """Yield the findings. `old` and `new` turn a location of that side into the one that is shown."""
        same: dict[tuple[str, Place], list[_Change]] = {}
        for change in self._changes:
            same.setdefault((change.code, change.place), []).append(change)
        for (code, place), changes in same.items():  # what several schemas take over by allOf is told once
            operations = {each for change in changes for each in self._operations(change.key)}
            rule = RULES[code]
            yield Finding(
                (old if place.old else new)(place.location),
                code,
                f"{changes[0].what}{_more(sorted(operations))}. {rule.why}",
                rule.fix,
                severity=rule.severity,
                pointer=place.pointer,
            )

    def _operations(self, key: Key) -> frozenset[str]:
        """Return the operations that a comparison is a part of."""
        if key in self._found:
            return self._found[key]
        seen, waiting, found = {key}, [key], []
        while waiting:
            current = waiting.pop()
            if current[0] == "operation":
                found.append(str(current[1]))
            for user in self._users.get(current, ()):
                if user not in seen:
                    seen.add(user)
                    waiting.append(user)
        self._found[key] = frozenset(found)
        return self._found[key]


def _more(operations: Sequence[str]) -> str:
    """Return where a change is, if it is in a schema."""
    if not operations:
        return ""
    if len(operations) == 1:
        return f" ({operations[0]})"
    if len(operations) == 2:
        return f" ({operations[0]} and {operations[1]})"
    return f" ({operations[0]} and {len(operations) - 1} other operations)"
