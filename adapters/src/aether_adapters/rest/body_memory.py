"""Bounds the memory that the bodies of unanswered requests take together.

Each connection may send a body up to the limit for one, and there may be thousands of connections: without a bound for
all of them, 4 GB.
"""

from __future__ import annotations

from aether_adapters.kernel.errors import Exhausted


class BodyMemory:
    """Counts the bytes of bodies; use it from one event loop only."""

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes. A body that is the only one may be larger."""
        self._limit = limit
        self.taken = 0
        """Bytes that are counted now."""

    def share(self) -> BodyShare:
        """Return what counts one body."""
        return BodyShare(self)

    def take(self, size: int, of: int) -> None:
        """Count `size` more bytes of a body that has `of` already. Raises `Exhausted` if there is no room for them."""
        if self.taken > of and self.taken + size > self._limit:
            raise Exhausted("Too many large bodies are on their way; try again.", retry_after=1.0)
        self.taken += size


class BodyShare:
    """The bytes of one body."""

    __slots__ = ("_all", "_taken")

    def __init__(self, of: BodyMemory) -> None:
        self._all = of
        self._taken = 0

    def take(self, size: int) -> None:
        """Count `size` more bytes. Raises `Exhausted`."""
        self._all.take(size, self._taken)
        self._taken += size

    def give_back(self) -> None:
        """Count none of its bytes any more."""
        self._all.taken -= self._taken
        self._taken = 0
