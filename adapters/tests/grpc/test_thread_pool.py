"""Tests of the thread pool that answers calls and counts them."""

from __future__ import annotations

import threading
import time
from typing import Any

from aether_adapters.grpc.thread_pool import CallPool, waited


def _until_idle(pool: CallPool) -> None:
    deadline = time.monotonic() + 5
    while pool.full:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_the_pool_is_full_when_threads_and_queue_are() -> None:
    pool, gate = CallPool(1, 1), threading.Event()
    assert not pool.full
    pool.submit(gate.wait)
    assert not pool.full
    pool.submit(gate.wait)
    assert pool.full
    gate.set()
    _until_idle(pool)
    pool.shutdown()


def test_a_failed_call_frees_its_thread_and_its_queue_slot() -> None:
    pool, done = CallPool(1, 0), threading.Semaphore(0)

    def fail() -> None:
        raise RuntimeError("not for the log of a test")

    for _ in range(3):
        pool.submit(fail).add_done_callback(lambda _: done.release())
        assert done.acquire(timeout=5)
    _until_idle(pool)
    pool.shutdown()


def test_a_call_knows_how_long_it_waited_for_its_thread() -> None:
    pool, gate, told = CallPool(1, 1), threading.Event(), list[float]()
    pool.submit(gate.wait)
    submitted = time.monotonic()
    pool.submit(lambda: told.append(waited()))
    time.sleep(0.05)
    gate.set()
    pool.shutdown()
    assert 0.05 <= told[0] <= time.monotonic() - submitted
    assert waited() == 0.0


def test_a_done_callback_runs_exactly_once() -> None:
    """The callback is added while the call may end in another thread."""
    pool = CallPool(4, 0)
    told: list[Any] = []
    for _ in range(5000):
        pool.submit(int).add_done_callback(told.append)
    pool.shutdown()
    assert len(told) == 5000
    assert len(set(map(id, told))) == 5000


def test_shutdown_runs_submitted_calls_and_ends_the_threads() -> None:
    before = threading.active_count()
    pool = CallPool(3, 0)
    ran: list[int] = []
    for number in range(20):
        pool.submit(ran.append, number)
    pool.shutdown()
    assert sorted(ran) == list(range(20))
    assert threading.active_count() == before
