"""Compares schemas in one direction: what clients send may only be taken more widely, what they get only be narrower."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from aether_tools.breaking.alternatives import compare_alternatives, compare_discriminators
from aether_tools.breaking.changes import Changes, Key
from aether_tools.breaking.objects import compare_elements, compare_properties
from aether_tools.breaking.pair import Direction, Pair
from aether_tools.breaking.shape import Schemas, Shapes
from aether_tools.breaking.values import compare_types, compare_values
from aether_tools.compiler.openapi.document import Node, Scalar

_MAX_TRIALS: Final = 500
_MAX_PAIRS_OF_A_TRIAL: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Waiting:
    old: Schemas
    new: Schemas
    direction: Direction
    subject: str
    key: Key


class SchemaComparison:
    """Compares pairs of schemas, each once, without recursion: schemas may be recursive and deep."""

    def __init__(self, old: Shapes, new: Shapes, changes: Changes, trials: int = _MAX_TRIALS) -> None:
        self._old = old
        self._new = new
        self._changes = changes
        self._trials = trials
        self._waiting: deque[_Waiting] = deque()
        self._seen: set[Key] = set()

    def add(self, old: Schemas, new: Schemas, direction: Direction, subject: str, by: Key) -> None:
        """Ask for the comparison of two schemas, as a part of the comparison `by`. `subject` names the value."""
        if len(old) == len(new) == 1 and _equal(old[0], new[0]):
            return
        key: Key = ("schema", tuple(map(id, old)), tuple(map(id, new)), direction)
        self._changes.use(key, by)
        if key not in self._seen:
            self._seen.add(key)
            self._waiting.append(_Waiting(old, new, direction, subject, key))

    def run(self) -> None:
        """Compare everything that was asked for, and what it contains."""
        while self._waiting:
            self._step()

    def fits(self, old: Schemas, new: Schemas, direction: Direction) -> bool:
        """Return whether `new` in the place of `old` is safe. False if that would take too long to find out."""
        if self._trials <= 0:
            return False
        self._trials -= 1
        changes = Changes()
        trial = SchemaComparison(self._old, self._new, changes, trials=0)
        trial.add(old, new, direction, "", ("trial",))
        for _ in range(_MAX_PAIRS_OF_A_TRIAL):
            if not trial._waiting or not changes.safe:
                break
            trial._step()
        return changes.safe and not trial._waiting

    def _step(self) -> None:
        each = self._waiting.popleft()
        pair = Pair(
            self._old.of(each.old), self._new.of(each.new), each.direction, each.subject, each.key,
            self._old, self._new, self._changes, self,
        )  # fmt: skip
        if compare_alternatives(pair) or not compare_types(pair):
            return
        compare_values(pair)
        compare_properties(pair)
        compare_elements(pair)
        compare_discriminators(pair)


def _equal(old: Node, new: Node) -> bool:
    """Return whether two schemas are written alike and refer to nothing, so that they cannot differ."""
    waiting = [(old, new)]
    while waiting:
        one, other = waiting.pop()
        if one.mapping is not None:
            if other.mapping is None or one.mapping.keys() != other.mapping.keys() or "$ref" in one.mapping:
                return False
            waiting += ((one.mapping[name], other.mapping[name]) for name in one.mapping)
        elif one.sequence is not None:
            if other.sequence is None or len(one.sequence) != len(other.sequence):
                return False
            waiting += zip(one.sequence, other.sequence, strict=True)
        elif other.mapping is not None or other.sequence is not None or not _same(one.scalar, other.scalar):
            return False
    return True


def _same(old: Scalar, new: Scalar) -> bool:
    return old == new and type(old) is type(new)
