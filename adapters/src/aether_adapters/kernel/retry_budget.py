"""Budget of repeated calls: a token bucket that only calls fill.

Source: https://finagle.github.io/blog/2016/02/08/retry-budgets/. Retries of a whole system multiply its load exactly
when it can bear the least; a budget bounds them, whatever the number of clients and layers.
"""

from __future__ import annotations

import threading
from typing import Final

_MAX_TOKENS: Final = 10.0


class RetryBudget:
    """Allows repeating the fraction `ratio` of all calls, and ten in a row after quieter times. Thread-safe."""

    def __init__(self, ratio: float = 0.1) -> None:
        """Raises `ValueError` unless 0 <= ratio <= 1."""
        if not 0 <= ratio <= 1:
            raise ValueError(f"A retry budget is a fraction from 0 to 1, not {ratio}.")
        self._ratio = ratio
        self._tokens = _MAX_TOKENS if ratio else 0.0
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Count a call that is no repetition."""
        with self._lock:
            self._tokens = min(_MAX_TOKENS, self._tokens + self._ratio)

    def spend(self) -> bool:
        """Return whether a call may be repeated now, and count the repetition."""
        with self._lock:
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True
