"""The catalogue: what is sold, and at which price."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from aether_trade.domain.errors import CourseHasChanged
from aether_trade.domain.values import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A course. It never changes: each change returns a new one.

    An order keeps a snapshot of what it bought, so a change here changes no order. `version` counts what was
    stored, from 1; a new one has version 0.
    """

    id: int
    title: Title
    price_cents: int
    on_sale: bool
    created_at: datetime
    version: int = 0

    def change(self, *, version: int, title: Title, price_cents: int, on_sale: bool) -> Self:
        """The same, changed by someone who has seen `version`; raises `CourseHasChanged`."""
        if version != self.version:
            raise CourseHasChanged(self.id, version)
        return replace(self, title=title, price_cents=price_cents, on_sale=on_sale)

    def stored(self) -> Self:
        """The same as the store keeps it: one version on."""
        return replace(self, version=self.version + 1)
