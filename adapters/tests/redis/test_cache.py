"""Tests of the cache: one load per miss, invalidation, and independence from Redis."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from aether_adapters.redis import connect
from aether_adapters.redis.cache import Cache


class Source:
    """The data behind the cache; counts loads, and can block them."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.looks = 0
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def look(self, key: str) -> str | None:
        self.looks += 1
        value = self.values.get(key)
        self.entered.set()
        self.go_on.wait(60)
        return value


@pytest.fixture(params=["embedded", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    return str(
        request.getfixturevalue({"embedded": "embedded_redis_url", "redis": "redis_url"}[request.param])
    )


@pytest.fixture
def source() -> Source:
    return Source()


Make = Callable[..., Cache[str]]


@pytest.fixture
def make(url: str, source: Source) -> Make:
    name = uuid4().hex

    def made(**settings: float) -> Cache[str]:
        return Cache(connect(url), name, source.look, dump=str.encode, parse=bytes.decode, **settings)

    return made


def test_a_value_is_loaded_once_for_all_processes(make: Make, source: Source) -> None:
    source.values["a"] = "ä 🌸"
    one, other = make(), make()
    assert [one.get("a"), one.get("a"), other.get("a")] == ["ä 🌸"] * 3
    assert source.looks == 1


def test_an_empty_value_is_distinct_from_none(make: Make, source: Source) -> None:
    source.values["a"] = ""
    cache = make()
    assert [cache.get("a"), cache.get("a")] == ["", ""]
    assert source.looks == 1


def test_none_is_cached_for_a_shorter_time(make: Make, source: Source) -> None:
    cache = make(nothing_seconds=0.1)
    assert [cache.get("a"), cache.get("a")] == [None, None]
    assert source.looks == 1
    time.sleep(0.12)
    source.values["a"] = "here now"
    assert cache.get("a") == "here now"


def test_one_of_many_concurrent_misses_loads(make: Make, source: Source) -> None:
    source.values["a"] = "x"
    source.go_on.clear()
    processes = [make() for _ in range(4)]
    with ThreadPoolExecutor(32) as pool:
        asked = [pool.submit(processes[number % 4].get, "a") for number in range(32)]
        source.entered.wait(60)
        time.sleep(0.1)
        source.go_on.set()
        assert [one.result() for one in asked] == ["x"] * 32
    assert source.looks == 1


def test_a_caller_that_waits_too_long_loads_by_itself(make: Make, source: Source) -> None:
    source.values["a"] = "x"
    source.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(make().get, "a")
        source.entered.wait(60)
        threading.Timer(1.2, source.go_on.set).start()
        assert make().get("a") == "x"
        assert slow.result() == "x"
    assert source.looks == 2


def test_an_invalidation_reaches_all_processes(make: Make, source: Source) -> None:
    source.values["a"] = "old"
    one, other = make(), make()
    assert (one.get("a"), other.get("a")) == ("old", "old")
    source.values["a"] = "new"
    one.invalidate("a")
    assert (one.get("a"), other.get("a")) == ("new", "new")


def test_a_value_read_before_a_change_is_not_stored_after_it(make: Make, source: Source) -> None:
    source.values["a"] = "old"
    source.go_on.clear()
    one, other = make(), make()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(one.get, "a")
        source.entered.wait(60)
        source.values["a"] = "new"
        other.invalidate("a")
        source.go_on.set()
        assert slow.result() == "old", "its load began before the change"
    assert (one.get("a"), other.get("a")) == ("new", "new")


def test_expiries_differ_by_no_more_than_the_jitter(make: Make, source: Source, url: str) -> None:
    cache = make(seconds=100.0, jitter=0.2)
    for number in range(50):
        source.values[str(number)] = "x"
        cache.get(str(number))
    client = connect(url)
    left = [client.pttl(key) for key in client.keys("cache:*")]
    assert len(left) == 50
    assert 79_000 < min(left) < 90_000 < max(left) <= 100_000


def test_an_error_reaches_all_waiters_and_is_not_cached(make: Make, source: Source) -> None:
    cache = make()

    def fail(key: str) -> str | None:
        raise ZeroDivisionError(key)

    cache._load = fail
    with pytest.raises(ZeroDivisionError):
        cache.get("a")
    cache._load = source.look
    source.values["a"] = "x"
    source.entered.clear()
    assert cache.get("a") == "x"


def test_without_redis_concurrent_misses_share_one_load(source: Source) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nowhere = f"redis://127.0.0.1:{server.getsockname()[1]}"
    cache: Cache[str] = Cache(connect(nowhere), "x", source.look, dump=str.encode, parse=bytes.decode)
    source.values["a"] = "x"
    source.go_on.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cache.get, "a") for _ in range(8)]
        source.entered.wait(60)
        time.sleep(0.1)
        source.go_on.set()
        assert [one.result() for one in asked] == ["x"] * 8
    assert source.looks == 1
    assert cache.get("a") == "x"
    assert source.looks == 2


@pytest.mark.parametrize("settings", [{"seconds": 0.0}, {"nothing_seconds": 0.0}, {"jitter": 1.0}])
def test_invalid_cache_times_are_refused(make: Make, settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="seconds > 0"):
        make(**settings)
