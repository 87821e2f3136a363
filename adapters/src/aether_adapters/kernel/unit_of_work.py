"""The rule of every unit of work, in SQL and in memory: they do not nest."""

from __future__ import annotations


class NestedUnitOfWork(RuntimeError):
    """A unit of work was opened inside another one; either could commit without the other."""

    def __init__(self) -> None:
        super().__init__(
            "A unit of work is already open. Do both things in one, or one after the other; get ids, leases and "
            "other services' answers before you open it."
        )
