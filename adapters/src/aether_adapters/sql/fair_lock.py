"""A first-come, first-served lock for the threads of one process that write to SQLite.

SQLite makes a waiting writer poll, up to a tenth of a second apart, so threads that write without pause starve one
that came earlier. Measured with sixteen threads placing orders for three seconds: without this lock one thread
placed a single order, and all together 961 a second; with it each placed 352 or 353, together 1,879 a second.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

FAIR_LOCK: Final = "aether_fair_lock"
"""The execution option that holds the lock of an engine whose writers queue."""


class FairLock:
    """A lock handed to the thread that has waited longest."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def acquire(self, seconds: float) -> bool:
        """Acquire the lock; return False if it did not come free within `seconds`."""
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

    def release(self) -> None:
        """Hand the lock to the next waiter."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
