"""Tests of large messages: one is decoded at a time, a few wait, and the others are refused at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from aether_adapters.grpc.large_messages import LargeMessages
from aether_adapters.kernel.errors import DeadlineExceeded
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.testing.waiting import eventually

LONG_SECONDS = 60.0


def test_one_message_has_its_turn_at_a_time() -> None:
    large = LargeMessages(threads=16)
    at_once = most = 0

    def decode(_: int) -> None:
        nonlocal at_once, most
        with large.turn(LONG_SECONDS):
            at_once += 1
            most = max(most, at_once)
            at_once -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, range(200)))
    assert most == 1


@pytest.mark.parametrize(("threads", "places"), [(1, 1), (2, 1), (8, 4), (256, 8)])
def test_half_of_the_threads_are_left_to_other_calls(threads: int, places: int) -> None:
    large = LargeMessages(threads)
    first, done = threading.Event(), threading.Event()
    results: list[str] = []

    def decode() -> None:
        try:
            with large.turn(LONG_SECONDS):
                first.set()
                done.wait(LONG_SECONDS)
                results.append("decoded")
        except Overloaded:
            results.append("refused")

    callers = [threading.Thread(target=decode) for _ in range(places + 3)]
    for caller in callers:
        caller.start()
    try:
        assert first.wait(LONG_SECONDS)
        eventually(lambda: results == ["refused"] * 3, "what has no place is refused")
    finally:
        done.set()
        for caller in callers:
            caller.join()
    assert results == ["refused"] * 3 + ["decoded"] * places
    with large.turn(0):
        pass


def test_a_turn_that_does_not_come_in_time_gives_its_place_back() -> None:
    large = LargeMessages(threads=4)
    with large.turn(LONG_SECONDS):
        for _ in range(5):
            with pytest.raises(DeadlineExceeded), large.turn(0.01):
                pytest.fail("two at once")
    with large.turn(0):
        pass


def test_an_error_ends_the_turn() -> None:
    large = LargeMessages(threads=4)
    with pytest.raises(ZeroDivisionError), large.turn(LONG_SECONDS):
        raise ZeroDivisionError
    with large.turn(0):
        pass
