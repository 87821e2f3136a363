"""Taking turns: on SQLite one writes at a time, and within a process they do so in the order they came.

SQLite itself lets a writer that must wait look again every so often, up to a tenth of a second apart, so threads
that write all the time starve one that came earlier. Sixteen threads placing orders for three seconds: one placed
a single order, and all together 961 a second; taking turns each placed 352 or 353, together 1,879 a second.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

TURNS: Final = "aether_turns"
"""The execution option of an engine whose writers take turns."""


class Turns:
    """A lock that is handed to whoever has waited longest."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def take(self, seconds: float) -> bool:
        """Wait for one's turn; False when it did not come within `seconds`."""
        with self._mutex:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._mutex:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # it came at the last moment

    def give(self) -> None:
        """Let the next one in."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
