"""A token bucket allows its burst at once and its rate for good, in memory and in Redis alike."""

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


def test_a_burst_is_allowed_at_once_and_what_comes_after_is_told_when_to_come_back(make: Make) -> None:
    bucket = make(0.5, 3)
    assert [bucket("ann") for _ in range(3)] == [Allowance(True, left, 0.0) for left in (2, 1, 0)]
    refused = bucket("ann")
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert 1.5 < refused.retry_after <= 2.0


def test_each_key_has_a_bucket_of_its_own(make: Make) -> None:
    bucket = make(0.01, 1)
    assert [bucket(key).allowed for key in ("ann", "bob", "ann", "bob", "grüße 🎉")] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_who_waits_as_long_as_told_is_let_in_and_nobody_sooner(make: Make) -> None:
    bucket = make(0.5, 1)  # so slow that a busy machine's hiccup is no refill
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


def test_a_refusal_costs_nothing(make: Make) -> None:
    bucket = make(0.01, 5)
    assert bucket("ann", cost=3).allowed
    assert not bucket("ann", cost=3).allowed
    assert bucket("ann", cost=2) == Allowance(True, 0, 0.0)


def test_many_threads_never_spend_one_token_twice(make: Make) -> None:
    bucket = make(0.001, 50)
    with ThreadPoolExecutor(8) as pool:
        allowed = [answer.allowed for answer in pool.map(bucket, ["ann"] * 200)]
    assert allowed.count(True) == 50


@pytest.mark.parametrize(("rate", "burst", "cost"), [(0, 1, 1), (1, 0, 1), (1, 5, 0), (1, 5, 6)])
def test_a_limit_that_can_never_be_met_is_refused(make: Make, rate: float, burst: int, cost: int) -> None:
    with pytest.raises(ValueError, match=r"must be between|a bucket needs"):
        make(rate, burst)("ann", cost=cost)


@pytest.mark.implementation("redis")
def test_redis_forgets_a_bucket_that_is_full_again(redis_url: str) -> None:
    client = connect(redis_url)
    TokenBucket(client, "logins", 10, 5)("ann")
    assert 0 < client.pttl("bucket:logins:ann") <= 1100


@pytest.mark.implementation("redis")
def test_a_redis_that_lost_its_scripts_is_given_them_again(redis_url: str) -> None:
    client = connect(redis_url)
    bucket = TokenBucket(client, "logins", 1, 5)
    bucket("ann")
    client.script_flush()
    assert bucket("ann").remaining == 3


@pytest.mark.implementation("memory")
def test_memory_remembers_only_the_keys_asked_for_last() -> None:
    bucket = MemoryTokenBucket(0.001, 1, keys=2)
    assert [bucket(key).allowed for key in ("a", "b", "a", "c", "a", "b")] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
