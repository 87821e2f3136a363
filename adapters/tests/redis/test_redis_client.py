"""Tests of the client with an unreachable, slow or overloaded Redis."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
import redis
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Unavailable
from aether_adapters.redis import connect, probe


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def cutting_proxy(redis_url: str) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that breaks the connection when it first sees a word `cut-...`; and the words it has seen."""
    real = urlsplit(redis_url)
    seen: list[bytes] = []

    def answer(near: socket.socket) -> None:
        with near, socket.create_connection((real.hostname, real.port)) as far:
            while data := near.recv(65536):
                words = re.findall(rb"cut-[a-z]+", data)
                first = [word for word in words if word not in seen]
                seen.extend(words)
                if first:
                    return
                far.sendall(data)
                near.sendall(far.recv(65536))

    with ThreadPoolExecutor() as pool, socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    pool.submit(answer, server.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}", seen
        server.shutdown(socket.SHUT_RDWR)


def test_a_value_that_was_set_is_read_back(redis_url: str) -> None:
    client = connect(redis_url)
    client.set("key", b"\x00\xff")
    with client.pipeline() as pipeline:
        pipeline.get("key")
        pipeline.incr("count")
        assert pipeline.execute() == [b"\x00\xff", 1]
    probe(client)()


def test_an_unreachable_redis_is_unavailable_with_a_retry_delay() -> None:
    client = connect("redis://127.0.0.1:1")
    pipeline = client.pipeline()
    pipeline.incr("n")
    for use in (client.ping, pipeline.execute, probe(client)):
        with pytest.raises(Unavailable) as caught:
            use()
        assert caught.value.retry_after == 1.0


def test_a_silent_redis_is_given_up_at_the_deadline() -> None:
    with silent_server() as url:
        client, started = connect(url, timeout_seconds=20), time.monotonic()
        with within(0.2), pytest.raises(DeadlineExceeded):
            client.get("key")
        assert 0.15 < time.monotonic() - started < 10


def test_without_a_deadline_a_silent_redis_is_given_up_after_its_own_timeout() -> None:
    with silent_server() as url:
        client, started = connect(url, timeout_seconds=0.2), time.monotonic()
        with pytest.raises(Unavailable):
            client.set("key", "value")
        assert time.monotonic() - started < 10


def test_a_deadline_applies_to_one_request_and_not_to_the_next(redis_url: str) -> None:
    client = connect(redis_url, pool=1)
    with within(0.3), pytest.raises(DeadlineExceeded):
        client.blpop(["nothing"], timeout=1)
    with within(0.05):
        client.ping()
    assert client.blpop(["nothing"], timeout=0.2) is None


def test_an_exhausted_pool_raises_with_a_retry_delay(redis_url: str) -> None:
    client = connect(redis_url, pool=1, pool_seconds=0.1)
    blocked = threading.Thread(target=client.blpop, args=(["nothing"], 1))
    blocked.start()
    time.sleep(0.2)
    with pytest.raises(Exhausted) as caught:
        client.ping()
    assert caught.value.retry_after == 1.0
    with within(0.02), pytest.raises(DeadlineExceeded):
        client.ping()
    blocked.join()


def test_only_a_read_is_repeated_after_a_broken_connection(redis_url: str) -> None:
    with cutting_proxy(redis_url) as (url, seen):
        client = connect(url)
        client.ping()
        assert client.get("cut-read") is None
        with pytest.raises(Unavailable):
            client.incr("cut-write")
        pipeline = client.pipeline()
        pipeline.incr("cut-pipeline")
        with pytest.raises(Unavailable):
            pipeline.execute()
    assert (seen.count(b"cut-read"), seen.count(b"cut-write"), seen.count(b"cut-pipeline")) == (2, 1, 1)


def test_errors_of_a_command_pass_unchanged(redis_url: str) -> None:
    client = connect(redis_url)
    client.set("text", "abc")
    with pytest.raises(redis.ResponseError, match="not an integer"):
        client.incr("text")


def test_an_unsupported_address_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="use redis://"):
        connect("http://localhost")
