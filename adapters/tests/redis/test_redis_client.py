"""A Redis that is away, slow or overrun is told apart, and never keeps a request beyond its deadline."""

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
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def cutting_proxy(redis_url: str) -> Iterator[tuple[str, list[bytes]]]:
    """A way to Redis that breaks when a word `cut-...` passes for the first time; and the words that passed."""
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


def test_what_is_set_is_read_back(redis_url: str) -> None:
    client = connect(redis_url)
    client.set("key", b"\x00\xff")
    with client.pipeline() as pipeline:
        pipeline.get("key")
        pipeline.incr("count")
        assert pipeline.execute() == [b"\x00\xff", 1]
    probe(client)()


def test_a_redis_that_is_not_there_is_unavailable_and_says_when_to_come_back() -> None:
    client = connect("redis://127.0.0.1:1")
    pipeline = client.pipeline()
    pipeline.incr("n")
    for use in (client.ping, pipeline.execute, probe(client)):
        with pytest.raises(Unavailable) as caught:
            use()
        assert caught.value.retry_after == 1.0


def test_a_redis_that_does_not_answer_is_given_up_at_the_deadline() -> None:
    with silent_server() as url:
        client, started = connect(url), time.monotonic()
        with within(0.2), pytest.raises(DeadlineExceeded):
            client.get("key")
        assert 0.15 < time.monotonic() - started < 1


def test_without_a_deadline_a_silent_redis_is_given_up_after_its_own_timeout() -> None:
    with silent_server() as url:
        client, started = connect(url, timeout_seconds=0.2), time.monotonic()
        with pytest.raises(Unavailable):
            client.set("key", "value")
        assert time.monotonic() - started < 1


def test_a_deadline_holds_for_one_request_and_not_for_the_next(redis_url: str) -> None:
    client = connect(redis_url, pool=1)
    with within(0.3), pytest.raises(DeadlineExceeded):
        client.blpop(["nothing"], timeout=1)
    with within(0.05):
        client.ping()
    assert client.blpop(["nothing"], timeout=0.2) is None


def test_when_every_connection_is_busy_the_caller_is_told_when_to_come_back(redis_url: str) -> None:
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


def test_a_read_whose_connection_broke_is_sent_again_and_a_write_is_not(redis_url: str) -> None:
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


def test_what_redis_says_about_a_command_passes_untouched(redis_url: str) -> None:
    client = connect(redis_url)
    client.set("text", "abc")
    with pytest.raises(redis.ResponseError, match="not an integer"):
        client.incr("text")


def test_an_address_that_cannot_work_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="use redis://"):
        connect("http://localhost")
