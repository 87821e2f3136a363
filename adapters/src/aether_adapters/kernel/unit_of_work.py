"""The rule that every unit of work keeps, in SQL and in memory."""

from __future__ import annotations


class NestedUnitOfWork(RuntimeError):
    """A unit of work was opened inside another one; one of the two would commit without the other."""

    def __init__(self) -> None:
        super().__init__(
            "A unit of work is open already. Do both things in one, or one after the other; and take ids, "
            "leases and other services' answers before it opens."
        )
