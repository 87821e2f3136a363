"""The system clock."""

from __future__ import annotations

from datetime import UTC, datetime

from aether_adapters.kernel.clock import SystemClock, SystemStopwatch


def test_the_clock_tells_the_time_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


def test_the_stopwatch_never_goes_back_and_counts_what_it_sleeps() -> None:
    stopwatch = SystemStopwatch()
    before = stopwatch.seconds()
    stopwatch.sleep(0.01)
    assert stopwatch.seconds() - before >= 0.009
