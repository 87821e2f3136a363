"""Tests of the request deadlines, which share one timer."""

from __future__ import annotations

import asyncio
import time

import pytest
from aether_adapters.rest.deadlines import Alarm, Deadlines


async def watched(deadlines: Deadlines, seconds: float) -> str:
    alarm = Alarm()
    deadlines.watch(alarm, time.monotonic())
    try:
        await asyncio.sleep(seconds)
        return "done"
    except asyncio.CancelledError:
        if alarm.caused_cancellation():
            return "late"
        raise
    finally:
        deadlines.forget(alarm)


def test_each_task_is_cancelled_at_its_own_deadline_only() -> None:
    async def main() -> None:
        deadlines = Deadlines(1.0)
        begun = time.monotonic()
        first = asyncio.create_task(watched(deadlines, 5))
        quick = asyncio.create_task(watched(deadlines, 0.02))
        await asyncio.sleep(0.6)
        second = asyncio.create_task(watched(deadlines, 5))
        assert await first == "late"
        assert 0.8 < time.monotonic() - begun < 1.5
        assert not second.done()
        assert await second == "late"
        assert time.monotonic() - begun > 0.14
        assert await quick == "done"

    asyncio.run(main())


def test_a_cancellation_by_someone_else_is_not_taken_for_a_timeout() -> None:
    async def main() -> None:
        task = asyncio.create_task(watched(Deadlines(5), 5))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_deadlines_work_after_an_idle_period_and_in_another_loop() -> None:
    deadlines = Deadlines(0.05)

    async def main() -> None:
        assert await watched(deadlines, 0) == "done"
        await asyncio.sleep(0.08)  # the timer has expired without a watched task
        assert await watched(deadlines, 5) == "late"

    asyncio.run(main())
    asyncio.run(main())
