"""Lets the bodies of one server that take long to parse take turns, so that everybody else is served between two of them."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count
from time import monotonic
from typing import Final

SMALL_BYTES: Final = 512
"""A body below this size needs no turn, so nobody need ask for one."""
_LARGE_BYTES: Final = 64 * 1024
"""From this size on a body waits for its turn. Parsing 1 MB takes up to 200 ms of the event loop, and explaining what is wrong with it as long again."""
_MANY_VALUES: Final = 250
"""The same for the number of values in a body, each of which takes up to 2 µs: 40 clients with bodies of 60 kB, each with
20,000 lists, let a new connection wait for 30 s."""
_BRIEF_SECONDS: Final = 0.001
"""A turn that is shorter leaves the others one round of the event loop, because a timer would take longer than it."""


class LargeBodies:
    """A queue for the bodies that take long, which get half of the time; use it from one event loop only.

    The lighter ones come first: whoever wants to keep the loop busy sends heavy ones.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._taken = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()

    async def turn(self, body: bytes) -> None:
        """Wait, if this body takes long, until it is its turn, which lasts until the calling task waits again."""
        size = len(body)
        # Each value but the first of a list or an object follows a comma.
        values = body.count(b",") + body.count(b"[") + body.count(b"{")
        if values < _MANY_VALUES and size < _LARGE_BYTES:
            return
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # first body, or a test with a new loop for each request
            self._loop, self._taken, self._waiting = loop, False, []
        if self._taken:
            turn = loop.create_future()
            heappush(self._waiting, (values + size, next(self._numbers), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # the turn came, but its task ends
                    self._next()
                raise
        self._taken = True
        loop.call_soon(self._end, loop, monotonic())

    def _end(self, loop: asyncio.AbstractEventLoop, since: float) -> None:
        """Leave the others as much time as this body took: a new connection needs several rounds of the loop."""
        took = monotonic() - since
        if took < _BRIEF_SECONDS:
            loop.call_soon(self._next)
        else:
            loop.call_later(took, self._next)

    def _next(self) -> None:
        """Give the turn to the lightest body that waits."""
        while self._waiting:
            *_, turn = heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False
