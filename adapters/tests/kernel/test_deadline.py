"""Tests of deadlines."""

from __future__ import annotations

import threading
import time
from contextvars import copy_context

import pytest
from aether_adapters.kernel.deadline import DEADLINE, remaining, within
from aether_adapters.kernel.errors import DeadlineExceeded, Kind


def test_without_a_deadline_a_call_gets_its_default() -> None:
    assert remaining(3.0) == 3.0


def test_a_deadline_shortens_a_default_and_never_lengthens_it() -> None:
    with within(1.0):
        assert 0.9 < remaining(5.0) <= 1.0
        assert remaining(0.2) == 0.2


def test_the_earlier_of_two_deadlines_applies_and_the_outer_one_is_restored() -> None:
    with within(1.0):
        with within(60.0):
            assert remaining(60.0) <= 1.0
        with within(0.5):
            assert remaining(60.0) <= 0.5
        assert remaining(60.0) > 0.5
    assert DEADLINE.get() is None


def test_an_expired_deadline_raises_deadline_exceeded() -> None:
    with within(0.0), pytest.raises(DeadlineExceeded) as up:
        remaining(1.0)
    assert up.value.kind is Kind.DEADLINE


def test_remaining_decreases_inside() -> None:
    with within(0.05):
        time.sleep(0.06)
        with pytest.raises(DeadlineExceeded):
            remaining(1.0)


def test_a_thread_sees_the_deadline_only_with_the_callers_context() -> None:
    """A pool that does not copy the context would lose the deadline."""
    seen: list[float] = []
    with within(1.0):
        context = copy_context()
        threads = [
            threading.Thread(target=lambda: seen.append(remaining(9.0))),
            threading.Thread(target=lambda: context.run(lambda: seen.append(remaining(8.0)))),
        ]
        for thread in threads:
            thread.start()
            thread.join()
    assert seen[0] == 9.0
    assert seen[1] <= 1.0
