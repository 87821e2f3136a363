"""Lets the large bodies of one server take turns, so that everybody else is served between two of them."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

LARGE_BYTES: Final = 64 * 1024
"""From this size on a body waits for its turn. Parsing and validating 1 MB takes up to 100 ms of the event loop."""


class LargeBodies:
    """A queue for bodies of `LARGE_BYTES` and more, which get half of the time; use it from one event loop only."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until it is this body's turn, which lasts until the calling task waits again."""
        await self._turn.acquire()
        asyncio.get_running_loop().call_soon(self._end, monotonic())

    def _end(self, since: float) -> None:
        """Leave the others as much time as this body took: a new connection needs several rounds of the loop."""
        asyncio.get_running_loop().call_later(monotonic() - since, self._turn.release)
