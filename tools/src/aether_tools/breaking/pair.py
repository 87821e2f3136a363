"""One pair of schemas under comparison: its two shapes, and where changes and parts of it go."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from aether_tools.breaking.changes import Changes, Key
from aether_tools.breaking.places import Place
from aether_tools.breaking.shape import Schemas, Shape, Shapes


class Direction(Enum):
    """Who writes a value. TEXT is what clients send in a path, a query, a header or a cookie."""

    REQUEST = "request"
    TEXT = "text"
    RESPONSE = "response"

    @property
    def sent(self) -> bool:
        """Whether clients write it."""
        return self is not Direction.RESPONSE

    @property
    def word(self) -> str:
        """The direction in a code."""
        return "request" if self.sent else "response"


class Comparison(Protocol):
    """Takes the parts of a pair, and answers whether one schema takes all values of another one."""

    def add(self, old: Schemas, new: Schemas, direction: Direction, subject: str, by: Key) -> None:
        """Ask for the comparison of two schemas, as a part of `by`."""

    def fits(self, old: Schemas, new: Schemas, direction: Direction) -> bool:
        """Return whether `new` in the place of `old` is safe. False if that would take too long to find out."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two shapes in one direction. `subject` names the value in messages, such as The request body.lines[]."""

    old: Shape
    new: Shape
    direction: Direction
    subject: str
    key: Key
    olds: Shapes
    news: Shapes
    changes: Changes
    comparison: Comparison

    @property
    def sent(self) -> bool:
        """Whether clients write the value."""
        return self.direction.sent

    def add(self, code: str, what: str, place: Place) -> None:
        """Add a change of this direction; `what` follows the subject."""
        self.changes.add(f"api-{self.direction.word}-{code}", f"{self.subject} {what}", place, self.key)

    def below(self, old: Schemas, new: Schemas, subject: str, direction: Direction | None = None) -> None:
        """Compare two schemas that are a part of these."""
        self.comparison.add(old, new, direction or self.direction, subject, self.key)
