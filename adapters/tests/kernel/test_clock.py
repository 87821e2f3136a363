"""The system clock."""

from __future__ import annotations

from datetime import UTC, datetime

from aether_adapters.kernel.clock import SystemClock


def test_the_clock_tells_the_time_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)
