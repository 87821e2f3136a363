"""The system clock, as the use cases read it."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Tells this machine's time, in UTC."""

    __slots__ = ()

    def now(self) -> datetime:
        """Return the current time, to the microsecond."""
        return datetime.now(UTC)
