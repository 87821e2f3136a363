"""Tests of the fallback from Redis to memory and back."""

from __future__ import annotations

import socket
import time
from uuid import uuid4

import pytest
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded
from aether_adapters.redis import FallbackTokenBucket, connect


class ManualClock:
    """A clock that the test advances."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def nowhere() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"redis://127.0.0.1:{server.getsockname()[1]}"


def test_processes_share_one_limit(redis_url: str) -> None:
    name = uuid4().hex
    one, other = (FallbackTokenBucket(connect(redis_url), name, 0.01, 3) for _ in range(2))
    assert [bucket("ann").allowed for bucket in (one, other, one, other)] == [True, True, True, False]


def test_without_redis_the_same_limit_holds_in_each_process() -> None:
    bucket = FallbackTokenBucket(connect(nowhere()), "x", 0.01, 3)
    assert [bucket("ann").allowed for _ in range(4)] == [True, True, True, False]
    assert bucket("bob").allowed


def test_after_a_failure_redis_is_asked_again_after_the_pause(redis_url: str) -> None:
    clock = ManualClock()
    client = connect(nowhere())
    bucket = FallbackTokenBucket(client, uuid4().hex, 0.01, 1, pause=5.0, clock=clock)
    assert bucket("ann").allowed
    client.connection_pool = connect(redis_url).connection_pool
    clock.now = 4.9
    assert not bucket("ann").allowed, "counted here"
    clock.now = 5.1
    assert bucket("ann").allowed, "Redis has not counted yet"


def test_a_hanging_redis_costs_250_ms_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bucket = FallbackTokenBucket(connect(f"redis://127.0.0.1:{silent.getsockname()[1]}"), "x", 0.01, 3)
        started = time.monotonic()
        assert [bucket("ann").allowed for _ in range(3)] == [True, True, True]
        assert time.monotonic() - started < 0.8


def test_a_call_after_its_deadline_raises() -> None:
    bucket = FallbackTokenBucket(connect(nowhere()), "x", 0.01, 3)
    with within(-1.0), pytest.raises(DeadlineExceeded):
        bucket("ann")
