"""Tests of the thread pool between the server and the use cases."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

import pytest
from aether_adapters.kernel.concurrency import FixedLimiter
from aether_adapters.kernel.criticality import CRITICALITY, Criticality
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Unavailable
from aether_adapters.rest import Offload

WORD: ContextVar[str] = ContextVar("word", default="")


@pytest.fixture
def offload() -> Iterator[Offload]:
    pool = Offload(2, 1)
    yield pool
    assert pool.stop(5)


def test_a_call_runs_on_another_thread_with_the_callers_context(offload: Offload) -> None:
    async def main() -> None:
        WORD.set("mine")
        call = offload.wrap(lambda request: (request, WORD.get(), threading.current_thread().name))
        assert (await call(7))[:2] == (7, "mine")
        assert (await call(7))[2].startswith("offload-")

    asyncio.run(main())


def test_an_error_comes_back_as_it_was_raised(offload: Offload) -> None:
    def fail(error: Exception) -> None:
        raise error

    async def main() -> None:
        for error in (KeyError("x"), DeadlineExceeded("y")):
            with pytest.raises(type(error)) as caught:
                await offload.wrap(fail)(error)
            assert caught.value is error
        with pytest.raises(RuntimeError, match="StopIteration"):
            await offload.wrap(fail)(StopIteration())
        assert offload.pending == 0

    asyncio.run(main())


def test_a_use_case_need_not_be_hashable(offload: Offload) -> None:
    @dataclass(frozen=True, slots=True)
    class Adds:
        known: dict[str, int]

        def __call__(self, name: str) -> int:
            return self.known[name]

    async def main() -> None:
        assert [await offload.wrap(Adds({"one": 1}))("one") for _ in range(3)] == [1, 1, 1]

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_call_is_refused_at_once_when_the_queue_is_full(offload: Offload) -> None:
    release = threading.Event()

    async def main() -> None:
        call = offload.wrap(release.wait)
        waiting = [asyncio.create_task(call(5)) for _ in range(3)]  # two run, one waits
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        with pytest.raises(Exhausted) as caught:
            await call(5)
        assert time.monotonic() - begun < 4
        assert 0.5 <= (caught.value.retry_after or 0) <= 1.5
        release.set()
        assert await asyncio.gather(*waiting) == [True] * 3
        assert await call(5) is True  # there is room again

    asyncio.run(main())


def test_a_call_asks_for_a_thread_at_the_level_of_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Criticality] = []

    class Recording(FixedLimiter):
        def admits(self, criticality: Criticality, now: float, ahead: int = 0) -> bool:
            asked.append(criticality)
            return super().admits(criticality, now, ahead)

    monkeypatch.setattr("aether_adapters.rest.thread_pool.Limiter", lambda **_: Recording(1, 1))
    offload = Offload(1, 1)

    async def main() -> None:
        for level in (None, *Criticality):
            CRITICALITY.set(level)
            await offload.wrap(str)(7)

    asyncio.run(main())
    assert offload.stop(5)
    assert asked == [Criticality.CRITICAL, *Criticality]


def test_a_queued_call_is_not_run_after_its_deadline_or_without_its_caller(offload: Offload) -> None:
    release, ran = threading.Event(), list[str]()

    async def main() -> None:
        busy = [asyncio.create_task(offload.wrap(release.wait)(5)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with within(0.01):
            late = asyncio.create_task(offload.wrap(ran.append)("late"))
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        release.set()
        with pytest.raises(DeadlineExceeded):
            await late
        await asyncio.gather(*busy)
        release.clear()
        busy = [asyncio.create_task(offload.wrap(release.wait)(5)) for _ in range(2)]
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(offload.wrap(ran.append)("gone"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0.01)
        release.set()
        await asyncio.gather(*busy)

    asyncio.run(main())
    assert offload.stop(5)
    assert ran == []


def test_a_call_that_waited_for_half_of_its_time_is_refused_and_not_run(
    offload: Offload, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, later = list[str](), itertools.count(time.monotonic(), 40.0)
    monkeypatch.setattr("aether_adapters.kernel.work_pool.monotonic", lambda: next(later))

    async def main() -> None:
        with within(30.0), pytest.raises(Exhausted) as refused:
            await offload.wrap(ran.append)("late")
        assert 0.5 <= (refused.value.retry_after or 0) <= 1.5
        with within(60.0):
            await offload.wrap(ran.append)("in time")
        await offload.wrap(ran.append)("with all the time in the world")

    asyncio.run(main())
    monkeypatch.undo()
    assert ran == ["in time", "with all the time in the world"]


def test_stop_lets_running_calls_finish_and_refuses_new_ones() -> None:
    offload = Offload(1, 4)

    async def main() -> None:
        def sleep(seconds: float) -> str:
            time.sleep(seconds)
            return "done"

        slow = offload.wrap(sleep)
        inside = [asyncio.create_task(slow(0.05)) for _ in range(3)]
        await asyncio.sleep(0.01)
        stopping = asyncio.create_task(asyncio.to_thread(offload.stop, 5))
        await asyncio.sleep(0.02)
        with pytest.raises(Unavailable):
            await slow(0)
        assert await asyncio.gather(*inside) == ["done"] * 3
        assert await stopping is True

    asyncio.run(main())


def test_stop_waits_no_longer_than_the_grace_period() -> None:
    offload, release = Offload(1, 0), threading.Event()

    async def main() -> None:
        inside = asyncio.create_task(offload.wrap(release.wait)(10))
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        assert await asyncio.to_thread(offload.stop, 0.1) is False
        assert time.monotonic() - begun < 8
        release.set()
        await inside

    asyncio.run(main())
