"""Contract of rate limit counters, in memory and in Redis, for threads and for event loops; and token buckets on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from aether_adapters.kernel.rate_limits import Allowance, Counter, Draw
from aether_adapters.redis import (
    Client,
    FallbackCounter,
    FallbackTokenBucket,
    MemoryCounter,
    MemoryTokenBucket,
    connect,
)
from aether_adapters.testing.waiting import eventually

_PATIENT_SECONDS = 10.0
"""So that a busy machine does not make the process count alone, which would hide what Redis answers."""
Take = Callable[[Sequence[Draw]], Sequence[Allowance]]


class Taking:
    """Makes draws, each test in buckets of its own."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._name = uuid4().hex

    def __call__(self, *draws: Draw) -> Sequence[Allowance]:
        return self._take([draw._replace(key=f"{self._name}:{draw.key}") for draw in draws])

    def one(self, key: str, rate: float, burst: int, cost: int = 1) -> Allowance:
        return self(Draw(key, rate, burst, cost))[0]


@pytest.fixture(params=["memory", "embedded", "redis"])
def counter(request: pytest.FixtureRequest) -> Counter:
    if request.param == "memory":
        return MemoryCounter()
    url = request.getfixturevalue({"embedded": "embedded_redis_url", "redis": "redis_url"}[request.param])
    return FallbackCounter(connect(url), wait_seconds=_PATIENT_SECONDS)


@pytest.fixture(params=["threads", "loop"])
def take(request: pytest.FixtureRequest, counter: Counter) -> Iterator[Taking]:
    if request.param == "threads":
        yield Taking(counter.take)
        return

    async def taken(draws: Sequence[Draw]) -> Sequence[Allowance]:
        return await counter.take_soon(draws)

    with asyncio.Runner() as runner:
        yield Taking(lambda draws: runner.run(taken(draws)))


def test_a_burst_is_allowed_and_further_draws_get_a_retry_delay(take: Taking) -> None:
    assert [take.one("ann", 0.01, 3) for _ in range(3)] == [Allowance(True, left, 0.0) for left in (2, 1, 0)]
    refused = take.one("ann", 0.01, 3)
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert 50 < refused.retry_after <= 100


def test_each_key_has_its_own_bucket(take: Taking) -> None:
    taken = [take.one(key, 0.01, 1).allowed for key in ("ann", "bob", "ann", "bob", "grüße 🎉", "\ud800")]
    assert taken == [True, True, False, False, True, True]


def test_a_draw_is_allowed_after_the_retry_delay(take: Taking) -> None:
    assert take.one("ann", 1.0, 1).allowed  # so slow that a delay on a busy machine refills nothing
    refused = take.one("ann", 1.0, 1)
    assert 0.5 < refused.retry_after <= 1
    time.sleep(refused.retry_after / 4)
    assert not take.one("ann", 1.0, 1).allowed
    time.sleep(refused.retry_after * 3 / 4 + 0.05)  # Redis may have counted the first some milliseconds later
    assert take.one("ann", 1.0, 1).allowed


def test_a_full_bucket_never_holds_more_than_its_burst(take: Taking) -> None:
    take.one("ann", 1000, 2)
    time.sleep(0.05)
    assert take.one("ann", 1000, 2, cost=2) == Allowance(True, 0, 0.0)


def test_a_refusal_takes_no_token(take: Taking) -> None:
    assert take.one("ann", 0.01, 5, cost=3).allowed
    assert not take.one("ann", 0.01, 5, cost=3).allowed
    assert take.one("ann", 0.01, 5, cost=2) == Allowance(True, 0, 0.0)


def test_draws_made_together_are_all_made_or_none(take: Taking) -> None:
    user, address = Draw("user", 0.01, 5), Draw("address", 0.01, 2)
    assert take(user, address) == [Allowance(True, 4, 0.0), Allowance(True, 1, 0.0)]
    assert take(user, address) == [Allowance(True, 3, 0.0), Allowance(True, 0, 0.0)]
    for _ in range(2):
        allowed, refused = take(user, address)
        assert allowed == Allowance(True, 3, 0.0)
        assert (refused.allowed, refused.remaining) == (False, 0)
    assert take(user)[0].remaining == 2, "the refused ones took nothing of the user's"


def test_fractional_rates_lose_no_token_to_rounding(take: Taking) -> None:
    assert [take.one("ann", 1 / 300, 7).remaining for _ in range(7)] == [6, 5, 4, 3, 2, 1, 0]


def test_concurrent_threads_never_take_the_same_token(counter: Counter) -> None:
    draws = [Draw(uuid4().hex, 0.001, 50)]
    with ThreadPoolExecutor(8) as pool:
        allowed = [answer[0].allowed for answer in pool.map(counter.take, [draws] * 200)]
    assert allowed.count(True) == 50


def test_concurrent_tasks_never_take_the_same_token(counter: Counter) -> None:
    draws = [Draw(uuid4().hex, 0.001, 50), Draw(uuid4().hex, 0.001, 1000)]

    async def take_many() -> int:
        answers = await asyncio.gather(*(counter.take_soon(draws) for _ in range(200)))
        return sum(all(each.allowed for each in answer) for answer in answers)

    assert asyncio.run(take_many()) == 50
    assert counter.take(draws[1:])[0].remaining == 949


@pytest.mark.parametrize(("rate", "burst", "cost"), [(0, 1, 1), (1, 0, 1), (1, 5, 0), (1, 5, 6)])
def test_an_impossible_draw_is_refused(take: Taking, rate: float, burst: int, cost: int) -> None:
    with pytest.raises(ValueError, match=r"must be between|a bucket needs"):
        take.one("ann", rate, burst, cost)


def test_a_bucket_counts_one_limit(redis_url: str) -> None:
    for bucket in (MemoryTokenBucket(0.01, 2), FallbackTokenBucket(connect(redis_url), uuid4().hex, 0.01, 2)):
        assert [bucket(key).allowed for key in ("ann", "ann", "ann", "bob")] == [True, True, False, True]
    with pytest.raises(ValueError, match="a bucket needs"):
        MemoryTokenBucket(0, 2)


def _patient(client: Client) -> FallbackCounter:
    return FallbackCounter(client, wait_seconds=_PATIENT_SECONDS)


@pytest.mark.implementation("redis")
def test_processes_share_one_limit(redis_url: str) -> None:
    draws = [Draw(uuid4().hex, 0.01, 3)]
    one, other = (_patient(connect(redis_url)) for _ in range(2))
    assert [each.take(draws)[0].allowed for each in (one, other, one, other)] == [True, True, True, False]


@pytest.mark.implementation("redis")
def test_the_key_of_a_full_bucket_expires(redis_url: str) -> None:
    client, name = connect(redis_url), uuid4().hex
    _patient(client).take([Draw(name, 10, 5)])
    assert 0 < client.pttl(f"limit:{name}") <= 1100


@pytest.mark.implementation("redis")
def test_scripts_are_sent_again_when_redis_lost_them(redis_url: str) -> None:
    client, draws = connect(redis_url), [Draw(uuid4().hex, 0.01, 5)]
    counter = _patient(client)
    counter.take(draws)
    client.script_flush()
    assert counter.take(draws)[0].remaining == 3
    assert counter.take(draws)[0].remaining == 2


@pytest.mark.implementation("redis")
def test_after_a_second_redis_is_believed_again_that_its_buckets_are_full(redis_url: str) -> None:
    client, name = connect(redis_url), uuid4().hex
    counter, draws = _patient(client), [Draw(name, 0.001, 1)]
    assert [counter.take(draws)[0].allowed for _ in range(2)] == [True, False]
    client.delete(f"limit:{name}")
    eventually(lambda: counter.take(draws)[0].allowed)


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
