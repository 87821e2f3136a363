"""Tests of rate limits while Redis is away, frozen or slow: requests do not wait, and the limits hold."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aether_adapters.embedded import EmbeddedRedis, children
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded
from aether_adapters.kernel.rate_limits import Draw
from aether_adapters.redis import FallbackCounter, connect, fallback_counter
from aether_adapters.testing.waiting import eventually
from prometheus_client import REGISTRY

_PATIENT_SECONDS = 10.0


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path / "redis", port=children.free_port()) as server:
        yield server


def nowhere() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"redis://127.0.0.1:{server.getsockname()[1]}"


def counted_here() -> float:
    return REGISTRY.get_sample_value("aether_limits_counted_here_total") or 0.0


@contextmanager
def frozen(server: EmbeddedRedis) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def delaying(url: str, seconds: float) -> Iterator[str]:
    """Run a proxy whose answers arrive `seconds` late; yield its URL."""
    host, port = url.removeprefix("redis://").partition("/")[0].split(":")
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
        writers.extend((writer, server_writer))

        async def questions() -> None:
            while data := await reader.read(65536):
                server_writer.write(data)

        async def answers() -> None:
            while data := await server_reader.read(65536):
                loop.call_later(seconds, writer.write, data)

        served.append(asyncio.gather(questions(), answers(), return_exceptions=True))
        await served[-1]

    writers = list[asyncio.StreamWriter]()
    served = list[asyncio.Future[Any]]()
    proxy = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"redis://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/0"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for writer in writers:
            writer.close()
        proxy.close()
        loop.run_until_complete(asyncio.gather(*served, return_exceptions=True))
        loop.close()


async def timed(counter: FallbackCounter, draws: list[Draw], times: int) -> list[float]:
    """Draw one after the other; return the seconds that each took."""
    seconds = []
    for _ in range(times):
        since = time.perf_counter()
        await counter.take_soon(draws)
        seconds.append(time.perf_counter() - since)
    return seconds


def shared(counter: FallbackCounter) -> bool:
    """Draw from a bucket of no interest; return whether Redis answered."""
    before = counted_here()
    counter.take([Draw(uuid4().hex, 1, 1)])
    return counted_here() == before


async def until_shared(counter: FallbackCounter) -> None:
    """Draw from buckets of no interest until Redis answers again."""
    end = time.monotonic() + 60
    while True:
        before = counted_here()
        await counter.take_soon([Draw(uuid4().hex, 1, 1)])
        if counted_here() == before:
            return
        assert time.monotonic() < end, "Redis is not asked again"
        await asyncio.sleep(0.05)


def test_without_redis_the_same_limit_holds_in_each_process() -> None:
    counter = FallbackCounter(connect(nowhere()))
    assert [counter.take([Draw("ann", 0.01, 3)])[0].allowed for _ in range(4)] == [True, True, True, False]
    assert counter.take([Draw("bob", 0.01, 3)])[0].allowed


def test_a_call_after_its_deadline_raises() -> None:
    with within(-1.0), pytest.raises(DeadlineExceeded):
        FallbackCounter(connect(nowhere())).take([Draw("ann", 0.01, 3)])


@pytest.mark.implementation("redis")
def test_a_question_that_its_thread_gave_up_before_it_was_sent_takes_one_token(
    own_redis: EmbeddedRedis,
) -> None:
    counter = FallbackCounter(connect(own_redis.url), wait_seconds=0.2)
    draws = [Draw("guesses", 0.001, 5)]
    eventually(lambda: shared(counter), "Redis is asked")
    before = counted_here()
    fallback_counter._background_loop().call_soon_threadsafe(time.sleep, 1.0)
    assert counter.take(draws)[0].allowed
    assert counted_here() == before + 1, "the thread counts for itself"
    time.sleep(1.0)
    assert [counter.take(draws)[0].allowed for _ in range(5)] == [True] * 4 + [False]


@pytest.mark.implementation("redis")
@pytest.mark.parametrize("fault", ["frozen", "200 ms late", "frozen before the first request"])
def test_a_slow_redis_costs_all_requests_together_a_few_waits(own_redis: EmbeddedRedis, fault: str) -> None:
    draws = [Draw("user", 1000, 1_000_000), Draw("address", 1000, 1_000_000)]

    async def attack(url: str) -> list[float]:
        counter = FallbackCounter(connect(url))
        if not fault.startswith("frozen before"):
            await until_shared(counter) if fault == "frozen" else await counter.take_soon(draws)
        if fault == "200 ms late":
            return await timed(counter, draws, 1000)
        with frozen(own_redis):
            return await timed(counter, draws, 1000)

    with delaying(own_redis.url, 0.2 if fault == "200 ms late" else 0.0) as url:
        seconds = asyncio.run(attack(url))
    # If each waited, the median would be 5 ms and the sum 5 s.
    assert statistics.median(seconds) < 0.002
    assert sum(seconds) < 2.5


@pytest.mark.implementation("redis")
def test_what_a_process_took_alone_is_missing_in_redis_afterwards(own_redis: EmbeddedRedis) -> None:
    draws = [Draw("ann", 0.0001, 10)]

    async def take() -> int:
        return sum([(await counter.take_soon(draws))[0].allowed for _ in range(4)])

    async def attack() -> list[int]:
        await until_shared(counter)
        taken = [await take()]
        with frozen(own_redis):
            taken.append(await take())
        await until_shared(counter)
        return [*taken, await take(), await take()]

    counter = FallbackCounter(connect(own_redis.url))
    assert asyncio.run(attack()) == [4, 4, 2, 0]
    other = FallbackCounter(connect(own_redis.url), wait_seconds=_PATIENT_SECONDS)
    assert not other.take(draws)[0].allowed


@pytest.mark.implementation("redis")
def test_a_restarted_redis_is_asked_again(own_redis: EmbeddedRedis) -> None:
    async def attack() -> None:
        await until_shared(counter)
        own_redis.stop()
        assert (await counter.take_soon([Draw("ann", 0.01, 3)]))[0].allowed
        own_redis.start()
        await until_shared(counter)

    counter = FallbackCounter(connect(own_redis.url))
    asyncio.run(attack())


@pytest.mark.implementation("redis")
def test_a_limit_holds_approximately_if_every_answer_comes_too_late(redis_url: str) -> None:
    """As on a machine so busy that no answer is read in time: two processes, each with the whole limit at most."""
    draws = [Draw(uuid4().hex, 0.001, 50)]

    async def take(counter: FallbackCounter) -> int:
        allowed = 0
        for _ in range(200):
            allowed += (await counter.take_soon(draws))[0].allowed
        return allowed

    async def both() -> int:
        counters = [FallbackCounter(connect(redis_url), wait_seconds=1e-9) for _ in range(2)]
        return sum(await asyncio.gather(*map(take, counters)))

    assert 50 <= asyncio.run(both()) <= 100


@pytest.mark.implementation("redis")
def test_a_crowd_above_its_limit_is_refused_without_asking_redis(redis_url: str) -> None:
    client = connect(redis_url)

    def asked() -> int:
        statistics = client.info("commandstats")
        return sum(each["calls"] for name, each in statistics.items() if name.startswith("cmdstat_eval"))

    async def crowd() -> int:
        counter, draws = FallbackCounter(client, wait_seconds=_PATIENT_SECONDS), [Draw(uuid4().hex, 0.001, 5)]
        return sum([(await counter.take_soon(draws))[0].allowed for _ in range(500)])

    before = asked()
    since = time.monotonic()
    assert asyncio.run(crowd()) == 5
    assert asked() - before <= 10 + (time.monotonic() - since)


@pytest.mark.implementation("redis")
def test_requests_of_one_moment_share_one_round_trip(redis_url: str) -> None:
    writes = list[int]()

    async def ask() -> None:
        counter = FallbackCounter(connect(redis_url), wait_seconds=_PATIENT_SECONDS)
        draws = [Draw(uuid4().hex, 0.001, 1000), Draw(uuid4().hex, 0.001, 1000)]
        await counter.take_soon(draws)
        link = next(iter(counter._links.values()))
        transport = link._transport
        assert transport is not None
        send = transport.write

        class Counting:
            def write(self, data: bytes) -> None:
                writes.append(len(data))
                send(data)

        link._transport = Counting()  # type: ignore[assignment]
        await asyncio.gather(*(counter.take_soon(draws) for _ in range(50)))

    asyncio.run(ask())
    assert len(writes) == 1
