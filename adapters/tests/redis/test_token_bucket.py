"""Tests of token buckets, in memory and in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from aether_adapters.redis import Allowance, MemoryTokenBucket, TokenBucket, connect

Bucket = Callable[..., Allowance]
Make = Callable[[float, int], Bucket]


@pytest.fixture(params=["memory", "embedded", "redis"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        return MemoryTokenBucket
    url = request.getfixturevalue({"embedded": "embedded_redis_url", "redis": "redis_url"}[request.param])
    client = connect(url)
    return lambda rate, burst: TokenBucket(client, uuid4().hex, rate, burst)


def test_a_burst_is_allowed_and_further_calls_get_a_retry_delay(make: Make) -> None:
    bucket = make(0.5, 3)
    assert [bucket("ann") for _ in range(3)] == [Allowance(True, left, 0.0) for left in (2, 1, 0)]
    refused = bucket("ann")
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert 1.5 < refused.retry_after <= 2.0


def test_each_key_has_its_own_bucket(make: Make) -> None:
    bucket = make(0.01, 1)
    assert [bucket(key).allowed for key in ("ann", "bob", "ann", "bob", "grüße 🎉")] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_a_call_is_allowed_after_exactly_the_retry_delay(make: Make) -> None:
    bucket = make(0.5, 1)  # so slow that a delay on a busy machine refills nothing
    assert bucket("ann").allowed
    refused = bucket("ann")
    assert 1 < refused.retry_after <= 2
    time.sleep(refused.retry_after / 4)
    assert not bucket("ann").allowed
    time.sleep(refused.retry_after * 3 / 4 + 0.005)
    assert bucket("ann").allowed


def test_a_full_bucket_never_holds_more_than_its_burst(make: Make) -> None:
    bucket = make(1000, 2)
    bucket("ann")
    time.sleep(0.05)
    assert bucket("ann", cost=2) == Allowance(True, 0, 0.0)


def test_a_refusal_takes_no_token(make: Make) -> None:
    bucket = make(0.01, 5)
    assert bucket("ann", cost=3).allowed
    assert not bucket("ann", cost=3).allowed
    assert bucket("ann", cost=2) == Allowance(True, 0, 0.0)


def test_concurrent_threads_never_take_the_same_token(make: Make) -> None:
    bucket = make(0.001, 50)
    with ThreadPoolExecutor(8) as pool:
        allowed = [answer.allowed for answer in pool.map(bucket, ["ann"] * 200)]
    assert allowed.count(True) == 50


@pytest.mark.parametrize(("rate", "burst", "cost"), [(0, 1, 1), (1, 0, 1), (1, 5, 0), (1, 5, 6)])
def test_an_impossible_limit_is_refused(make: Make, rate: float, burst: int, cost: int) -> None:
    with pytest.raises(ValueError, match=r"must be between|a bucket needs"):
        make(rate, burst)("ann", cost=cost)


@pytest.mark.implementation("redis")
def test_the_key_of_a_full_bucket_expires(redis_url: str) -> None:
    client = connect(redis_url)
    TokenBucket(client, "logins", 10, 5)("ann")
    assert 0 < client.pttl("bucket:logins:ann") <= 1100


@pytest.mark.implementation("redis")
def test_scripts_are_reloaded_when_redis_lost_them(redis_url: str) -> None:
    client = connect(redis_url)
    bucket = TokenBucket(client, "logins", 1, 5)
    bucket("ann")
    client.script_flush()
    assert bucket("ann").remaining == 3


@pytest.mark.implementation("memory")
def test_memory_keeps_only_the_most_recent_keys() -> None:
    bucket = MemoryTokenBucket(0.001, 1, keys=2)
    assert [bucket(key).allowed for key in ("a", "b", "a", "c", "a", "b")] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
