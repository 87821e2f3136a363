"""Cache in Redis with one load per miss and no stale writes.

A miss takes a lease on the key, and only the lease's holder may fill it. Invalidation deletes the lease, so a
value read before a change is never stored after it. Source: leases in
https://www.usenix.org/conference/nsdi13/technical-sessions/presentation/nishtala (section 3.2.1).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar
from uuid import uuid4

import redis

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import Exhausted, Unavailable

V = TypeVar("V")

_LOOKUP: Final = """
local value = redis.call('GET', KEYS[1])
if value then return {value, 0} end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {false, 1} end
return {false, 0}
"""
_FILL: Final = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_ABSENT: Final = b"-"
_PRESENT: Final = b"+"
_LEASE_MS: Final = 3000
_WAIT_SECONDS: Final = 1.0
_POLL_INTERVAL_SECONDS: Final = 0.01
_FAILURES: Final = (Unavailable, Exhausted, redis.RedisError)
"""Whatever Redis refuses, the value has a source."""


class Cache(Generic[V]):
    """Caches what `load` returns for a key: a value for `seconds`, None for `nothing_seconds`.

    Each expiry is up to `jitter` (a fraction) shorter, so that entries filled together do not expire
    together. If many callers, in any process, miss a key at once, one loads it; the others wait up to a
    second, then load it themselves. Without Redis, or while it refuses, every process loads, one caller at a
    time per key. A value is stale for at most `seconds`, and only if `invalidate` did not reach Redis.
    """

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        load: Callable[[str], V | None],
        *,
        dump: Callable[[V], bytes],
        parse: Callable[[bytes], V],
        seconds: float = 60.0,
        nothing_seconds: float = 2.0,
        jitter: float = 0.2,
    ) -> None:
        """`name` separates caches that share a Redis; change it when the format of `dump` changes."""
        if not seconds > 0 or not nothing_seconds > 0 or not 0 <= jitter < 1:
            raise ValueError("A cache needs seconds > 0, nothing_seconds > 0 and 0 <= jitter < 1.")
        self._redis = client
        self._lookup = client.register_script(_LOOKUP)
        self._fill = client.register_script(_FILL)
        self._name = name
        self._load = load
        self._dump = dump
        self._parse = parse
        self._seconds = seconds
        self._nothing_seconds = nothing_seconds
        self._jitter = jitter
        self._guard = threading.Lock()
        self._flights: dict[str, Future[V | None]] = {}

    def get(self, key: str) -> V | None:
        """Return the value of `key`, or None if there is none; raises what `load` raises."""
        with self._guard:
            flight = self._flights.get(key)
            mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if not mine:
            try:
                return flight.result(remaining(_WAIT_SECONDS))
            except TimeoutError:
                remaining(_WAIT_SECONDS)
                return self._load(key)
        try:
            value = self._fetch(key)
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(value)
            return value
        finally:
            self._end_flight(key, flight)

    def invalidate(self, key: str) -> None:
        """Delete `key`; call it after the change was committed. Raises `Unavailable`."""
        with self._guard:
            # Later callers must not get the result of a load that began before the change.
            self._flights.pop(key, None)
        self._redis.delete(*self._keys(key))

    def _end_flight(self, key: str, flight: Future[V | None]) -> None:
        with self._guard:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _fetch(self, key: str) -> V | None:
        token = uuid4().hex
        give_up = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                found, leased = self._lookup(keys=self._keys(key), args=[token, _LEASE_MS])
            except _FAILURES:
                return self._load(key)
            if found is not None:
                return self._parse(found[1:]) if found[:1] == _PRESENT else None
            if leased:
                return self._load_and_fill(key, token)
            if time.monotonic() >= give_up:
                return self._load(key)
            time.sleep(remaining(_POLL_INTERVAL_SECONDS))

    def _load_and_fill(self, key: str, token: str) -> V | None:
        value = self._load(key)
        stored = _ABSENT if value is None else _PRESENT + self._dump(value)
        seconds = self._nothing_seconds if value is None else self._seconds
        milliseconds = max(1, round(seconds * (1 - self._jitter * random.random()) * 1000))  # noqa: S311
        try:
            self._fill(keys=self._keys(key), args=[token, stored, milliseconds])
        except _FAILURES:
            return value  # the lease expires by itself
        return value

    def _keys(self, key: str) -> list[str]:
        # Braces make a cluster keep both keys on one node.
        return [f"cache:{self._name}:{{{key}}}", f"cache:{self._name}:{{{key}}}:lease"]
