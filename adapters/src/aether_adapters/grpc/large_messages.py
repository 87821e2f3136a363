"""Lets the large messages of one server take turns, so that decoding them leaves threads and processor to other calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aether_adapters.kernel.errors import DeadlineExceeded
from aether_adapters.kernel.work_pool import Overloaded

LARGE_BYTES: Final = 16 * 1024
"""From this size on a message waits for its turn. 1 MB may hold 500,000 items, which take 2 s and more to decode."""
_MAX_WAITING: Final = 8


class LargeMessages:
    """One large message is decoded at a time, while a few more calls wait for it in their threads."""

    def __init__(self, threads: int) -> None:
        """`threads` are those of the server, of which at most half wait."""
        self._places = threading.BoundedSemaphore(max(1, min(_MAX_WAITING, threads // 2)))
        self._turn = threading.Lock()

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Wait up to `seconds` for the turn of a message, which lasts until the end of the block.

        Raises `Overloaded` if as many calls have or wait for it already as may, and `DeadlineExceeded`.
        """
        if not self._places.acquire(blocking=False):
            raise Overloaded
        try:
            if not self._turn.acquire(timeout=seconds):
                raise DeadlineExceeded("The message was not decoded in time.")
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()
