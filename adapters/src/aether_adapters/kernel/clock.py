"""The system's clock and stopwatch, as the use cases read them."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Tells this machine's time, in UTC."""

    __slots__ = ()

    def now(self) -> datetime:
        """Return the current time, to the microsecond."""
        return datetime.now(UTC)


class SystemStopwatch:
    """Measures with this machine's monotonic clock."""

    __slots__ = ()

    def seconds(self) -> float:
        """Return the seconds since some moment in the past. They never go back."""
        return time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        """Block the calling thread for so many seconds."""
        time.sleep(seconds)
