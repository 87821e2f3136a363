"""Client-side throttling: how much of its own demand a client refuses while a server accepts too little of it.

Source: "Handling Overload" in Site Reliability Engineering, https://sre.google/sre-book/handling-overload/ (section
"Client-Side Throttling"): a client refuses a request with probability max(0, (requests - K * accepts) / (requests + 1)).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

_K: Final = 2.0
"""Requests per accepted one that are still sent: half of them may fail."""
_WINDOW_SECONDS: Final = 2.0
"""Google's two minutes would notice an outage, and its end, after one minute."""
_BUCKETS: Final = 8
_FREE_REQUESTS: Final = 5
"""So many failures within the window refuse nothing: a client with few requests harms nobody."""


class Throttle:
    """Counts the requests of the last two seconds and how many of them were accepted. Not thread-safe.

    `clock` returns seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._width = _WINDOW_SECONDS / _BUCKETS
        self._buckets: deque[list[float]] = deque()
        """The start, the requests and the accepted ones of each eighth of the window."""
        self._requests = self._accepts = 0.0

    def count(self, *, accepted: bool) -> None:
        """Count a request that has ended, or that was refused here."""
        now = self._clock()
        self._forget(now)
        if not self._buckets or now - self._buckets[-1][0] >= self._width:
            self._buckets.append([now, 0, 0])
        bucket = self._buckets[-1]
        bucket[1] += 1
        bucket[2] += accepted
        self._requests += 1
        self._accepts += accepted

    def refusal(self) -> float:
        """Return the fraction of requests to refuse, from 0 to 1; 1 if the server accepted none of many."""
        self._forget(self._clock())
        excess = self._requests - _K * self._accepts - _FREE_REQUESTS
        if excess < 0:
            return 0.0
        return excess / (self._requests + 1) if self._accepts else 1.0

    def clear(self) -> None:
        """Forget all requests: the server is back."""
        self._buckets.clear()
        self._requests = self._accepts = 0.0

    def _forget(self, now: float) -> None:
        while self._buckets and now - self._buckets[0][0] >= _WINDOW_SECONDS:
            _, requests, accepts = self._buckets.popleft()
            self._requests -= requests
            self._accepts -= accepts
