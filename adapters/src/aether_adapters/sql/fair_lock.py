"""First-come, first-served lock for the threads of one process that write to SQLite.

SQLite makes a waiting writer poll at intervals of up to 0.1 s, so threads that write continuously starve one
that came earlier. Measured with sixteen threads that placed orders for three seconds: without this lock one
thread placed a single order and all together 961 per second; with it each placed 352 or 353, together 1,879
per second.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

FAIR_LOCK: Final = "aether_fair_lock"
"""Execution option that holds an engine's `FairLock`."""


class FairLock:
    """Lock that is handed to the longest-waiting thread."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def acquire(self, seconds: float) -> bool:
        """Acquire the lock; return False if it was not free within `seconds`."""
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
        return True  # handed over at the last moment

    def release(self) -> None:
        """Hand the lock to the next waiter."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
