"""Tests of a target with several processes behind it: one that hangs, and several behind one port."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aether_adapters.auth.tokens import Issuer
from aether_adapters.embedded import children
from aether_adapters.grpc import AsyncChannel, Channel
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.problems import RemoteError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stops processes, and needs SO_REUSEPORT")

Connect = Callable[..., Channel]

SERVER = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import grpc

class Answers(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request + NAME)

# The message probe.v1.Answer: its field 1 is a text, like that of the requests.
NAME = b"\\x0a\\x01" + sys.argv[2].encode()
server = grpc.server(
    ThreadPoolExecutor(8),
    [Answers()],
    options=(("grpc.so_reuseport", 1), ("grpc.http2.min_ping_interval_without_data_ms", 500)),
)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
print("up", flush=True)
time.sleep(600)
"""


@contextmanager
def replica(port: int, name: str) -> Iterator[int]:
    """Run a server that answers with `name`, in a process of its own; yield its process id."""
    command = [sys.executable, "-c", SERVER, str(port), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            yield process.pid
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def freeze(pid: int) -> None:
    """Stop a child process; return once all its threads have stopped."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


@pytest.fixture
def look(probe: SimpleNamespace) -> Any:
    return probe.methods.look


def test_a_frozen_replica_is_left_out_and_its_idempotent_calls_are_repeated(
    probe: SimpleNamespace, look: Any, connect: Connect
) -> None:
    """Its connections are given up after an unanswered ping, long before the deadline of the calls."""
    one, two = children.free_port(), children.free_port()
    with replica(one, "a") as frozen, replica(two, "b"):
        channel = connect(
            f"ipv4:127.0.0.1:{one},127.0.0.1:{two}", timeout=30.0, connections=1, token=lambda: "x"
        )
        ask, request = channel.bind(look), probe.AskRequest(text="")
        give_up = time.monotonic() + 60
        seen: set[str] = set()
        while seen != {"a", "b"}:
            seen.add(ask(request).text)
            assert time.monotonic() < give_up
        freeze(frozen)
        begun = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: ask(request).text, range(4)))
        assert set(answers) == {"b"}
        assert time.monotonic() - begun < 20, "no call waited for its deadline"
        begun = time.monotonic()
        assert {ask(request).text for _ in range(10)} == {"b"}
        assert time.monotonic() - begun < 10, "no call goes to the frozen one"
        os.kill(frozen, signal.SIGCONT)
        while ask(request).text != "a":
            assert time.monotonic() - begun < 30


@pytest.mark.parametrize("is_async", [False, True])
def test_all_processes_behind_one_port_get_calls_of_one_client(
    probe: SimpleNamespace, look: Any, connect: Connect, is_async: bool
) -> None:
    """The kernel gives each connection to one of them, by chance: a client with one connection would use one process."""
    port, request = children.free_port(), probe.AskRequest(text="")
    hits: Counter[str] = Counter()

    async def in_loop(channel: AsyncChannel) -> None:
        ask = channel.bind(look)
        for _ in range(10):
            answers = await asyncio.gather(*(ask(request) for _ in range(16)))
            hits.update(answer.text for answer in answers)
        await channel.close()

    with replica(port, "a"), replica(port, "b"):
        target = f"127.0.0.1:{port}"
        for _ in range(5):  # eight connections end at one process in one of 128 cases
            hits.clear()
            if is_async:
                asyncio.run(in_loop(AsyncChannel(target, token=lambda: "x")))
            else:
                ask = connect(target, token=lambda: "x").bind(look)
                with ThreadPoolExecutor(8) as pool:
                    hits.update(pool.map(lambda _: ask(request).text, range(160)))  # noqa: B023 # used at once
            if min(hits["a"], hits["b"]) >= 10:
                break
        assert min(hits["a"], hits["b"]) >= 10, hits


def test_a_hedged_read_does_not_wait_for_a_replica_that_hangs(
    probe: SimpleNamespace, start: Callable[..., Any], connect: Connect, issuer: Issuer
) -> None:
    released = threading.Event()

    def hang(_: Any) -> Any:
        released.wait(60)
        return probe.Answer(text="late")

    one = start(look=hang, ping=lambda _: probe.Answer(text="one"))
    two = start(look=lambda _: probe.Answer(text="in time"), ping=lambda _: probe.Answer(text="two"))
    channel = connect(
        f"ipv4:127.0.0.1:{one.port},127.0.0.1:{two.port}",
        connections=1,
        token=lambda: issuer.issue("ada"),
        timeout=50.0,
        hedge_seconds=0.1,
    )
    ask, ping = channel.bind(probe.methods.look), channel.bind(probe.methods.ping)
    connected, give_up = set[str](), time.monotonic() + 30
    while connected != {"one", "two"}:
        connected.add(ping(probe.PlainRequest(text="")).text)
        assert time.monotonic() < give_up
    try:
        assert {ask(probe.AskRequest(text="")).text for _ in range(6)} == {"in time"}
    finally:
        released.set()


def test_only_idempotent_calls_are_hedged_and_a_tenth_of_them(
    probe: SimpleNamespace, start: Callable[..., Any], connect: Connect, issuer: Issuer
) -> None:
    calls: Counter[str] = Counter()

    def slow(name: str) -> Callable[[Any], Any]:
        def answer(_: Any) -> Any:
            calls[name] += 1
            time.sleep(0.05)
            return probe.Answer(text=name)

        return answer

    channel = connect(
        start(look=slow("look"), ask=slow("ask")), token=lambda: issuer.issue("ada"), hedge_seconds=0.001
    )
    for name in ("look", "ask"):
        ask = channel.bind(getattr(probe.methods, name))
        assert {ask(probe.AskRequest(text="")).text for _ in range(30)} == {name}
    assert calls["ask"] == 30
    assert 30 < calls["look"] <= 30 + 10 + 3


def test_a_target_that_hangs_holds_no_more_threads_than_its_places(
    probe: SimpleNamespace, start: Callable[..., Any], connect: Connect, issuer: Issuer
) -> None:
    """Further calls are refused at once, and so are all calls once those have proved slow; then it is found again."""
    released, asked = threading.Event(), threading.Semaphore(0)

    def hang(_: Any) -> Any:
        asked.release()
        released.wait(60)
        return probe.Answer(text="done")

    server = start(look=hang, options={"threads": 8})
    channel = connect(server, token=lambda: issuer.issue("ada"), timeout=30.0, places=3, slow_seconds=0.4)
    look, request = channel.bind(probe.methods.look), probe.AskRequest(text="")
    with ThreadPoolExecutor(3) as pool:
        stuck = [pool.submit(look, request) for _ in range(3)]
        for _ in stuck:
            assert asked.acquire(timeout=30)
        time.sleep(0.4)
        for _ in range(10):
            begun = time.monotonic()
            with pytest.raises(Unavailable) as refused:
                look(request)
            assert time.monotonic() - begun < 0.4
            assert refused.value.retry_after == 1.0
        assert not asked.acquire(blocking=False), "none of them reached the server"
        released.set()
        assert [each.result(30).text for each in stuck] == ["done"] * 3
    give_up = time.monotonic() + 60
    while True:
        try:
            assert look(request).text == "done"
            break
        except Unavailable:
            assert time.monotonic() < give_up
            time.sleep(0.05)


def test_answers_of_a_server_are_no_failures_of_it(
    probe: SimpleNamespace, start: Callable[..., Any], connect: Connect
) -> None:
    """Everything may be sold out: that is no reason not to ask."""

    def refuse(_: Any) -> Any:
        raise probe.AlreadyClosed(1, "x", ())

    ping = connect(start(ping=refuse), places=2).bind(probe.methods.ping)
    for _ in range(50):
        with pytest.raises(RemoteError):
            ping(probe.PlainRequest(text=""))


def test_callers_in_a_hurry_do_not_make_a_server_unavailable(
    probe: SimpleNamespace, start: Callable[..., Any], connect: Connect
) -> None:
    late = threading.Event()

    def linger(_: Any) -> Any:
        late.wait(0.2)
        return probe.Answer(text="")

    ping = connect(start(ping=linger), places=2, slow_seconds=20.0).bind(probe.methods.ping)
    for _ in range(20):
        with within(0.02), pytest.raises((DeadlineExceeded, RemoteError)):
            ping(probe.PlainRequest(text=""))
    late.set()
    ping(probe.PlainRequest(text=""))
