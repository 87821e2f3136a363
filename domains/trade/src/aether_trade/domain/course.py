"""The catalogue: courses and their prices."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from aether_trade.domain.errors import CourseHasChanged
from aether_trade.domain.values import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A course. It is immutable: each change returns a new one.

    An order keeps a snapshot of its courses, so a change here changes no order. `version` is 0 until the course is
    stored, and rises by one with each save.
    """

    id: int
    title: Title
    price_cents: int
    on_sale: bool
    created_at: datetime
    version: int = 0

    def change(self, *, version: int, title: Title, price_cents: int, on_sale: bool) -> Self:
        """Return the changed course. Raises `CourseHasChanged` if the caller has not seen this version."""
        if version != self.version:
            raise CourseHasChanged(self.id, version)
        return replace(self, title=title, price_cents=price_cents, on_sale=on_sale)

    def stored(self) -> Self:
        """Return the course as stored: one version later."""
        return replace(self, version=self.version + 1)
