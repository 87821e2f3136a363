"""Tests of overload, deadlines, retries and shutdown."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from aether_adapters.auth.tokens import Issuer
from aether_adapters.grpc import Channel, Server
from aether_adapters.grpc.retry import pause_before
from aether_adapters.kernel.deadline import DEADLINE, remaining, within
from aether_adapters.kernel.errors import DeadlineExceeded, Kind, Unavailable
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.kernel.retry_budget import RetryBudget
from prometheus_client import REGISTRY

Start = Callable[..., Server]
Connect = Callable[..., Channel]


class Gate:
    """A use case that blocks until `open` is set and counts the calls inside."""

    def __init__(self, answer: Any) -> None:
        self.open = threading.Event()
        self.arrived = threading.Semaphore(0)
        self.most = 0
        self._answer = answer
        self._inside = 0
        self._lock = threading.Lock()

    def __call__(self, request: Any) -> Any:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self.arrived.release()
        self.open.wait(60)
        with self._lock:
            self._inside -= 1
        return self._answer


@pytest.fixture
def gate(probe: SimpleNamespace) -> Iterator[Gate]:
    gate = Gate(probe.Answer(text="done"))
    yield gate
    gate.open.set()


def test_calls_beyond_threads_and_queue_are_refused_at_once_with_a_retry_delay(
    probe: SimpleNamespace, start: Start, connect: Connect, gate: Gate
) -> None:
    """64 calls on 4 threads and a queue of 12: 16 are answered, 48 refused while the 16 still wait."""
    server = start(ping=gate, options={"threads": 4, "queue": 12})
    ping = connect(server, timeout=60).bind(probe.methods.ping)
    refused = threading.Semaphore(0)

    def counted() -> list[float]:
        labels = {
            "grpc_service": "probe.v1.ProbeService",
            "grpc_method": "Ping",
            "grpc_code": "RESOURCE_EXHAUSTED",
        }
        level = {"server": "grpc", "criticality": "critical"}
        return [
            REGISTRY.get_sample_value("grpc_server_handled_total", labels) or 0.0,
            REGISTRY.get_sample_value("aether_overload_refused_total", level) or 0.0,
        ]

    before = counted()

    def call(_: int) -> str:
        try:
            return str(ping(probe.PlainRequest(text="")).text)
        except RemoteError as error:
            refused.release()
            assert 0.5 <= (error.problem.retry_after or 0) <= 1.5
            return error.kind.name

    with ThreadPoolExecutor(64) as callers:
        outcomes = callers.map(call, range(64))
        for _ in range(48):
            assert refused.acquire(timeout=60)
        for _ in range(4):
            assert gate.arrived.acquire(timeout=60)
        gate.open.set()
        assert Counter(outcomes) == {"done": 16, "EXHAUSTED": 48}
    assert gate.most == 4
    assert counted() == [count + 48 for count in before]


def test_a_call_that_waited_for_half_of_its_time_is_refused_and_not_run(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    released = threading.Event()
    begun: list[str] = []

    def work(request: Any) -> Any:
        begun.append(request.text)
        if request.text == "slow":
            released.wait(60)
        return probe.Answer(text="done")

    ping = connect(start(ping=work, options={"threads": 1}), timeout=3).bind(probe.methods.ping)
    with ThreadPoolExecutor(2) as callers:
        slow = callers.submit(ping, probe.PlainRequest(text="slow"))
        while not begun:
            time.sleep(0.01)
        late = callers.submit(ping, probe.PlainRequest(text="late"))
        time.sleep(2)
        released.set()
        assert slow.result().text == "done"
        with pytest.raises(RemoteError) as refused:
            late.result()
    assert refused.value.kind is Kind.EXHAUSTED
    assert 0.5 <= (refused.value.problem.retry_after or 0) <= 1.5
    assert begun == ["slow"]


def test_a_full_server_accepts_calls_again_when_calls_end_or_are_cancelled(
    probe: SimpleNamespace, start: Start, connect: Connect, gate: Gate
) -> None:
    """No queue slot is lost, however a call ends."""
    ping = connect(start(ping=gate, options={"threads": 1, "queue": 1}), timeout=0.2).bind(probe.methods.ping)
    with ThreadPoolExecutor(8) as callers:
        for future in [callers.submit(ping, probe.PlainRequest(text="")) for _ in range(8)]:
            with pytest.raises((RemoteError, DeadlineExceeded)):
                future.result()
    gate.open.set()
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(RemoteError, DeadlineExceeded):
            assert ping(probe.PlainRequest(text="")).text == "done"
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_use_case_sees_the_callers_deadline(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """The deadline travels from the client's context to the server's; gRPC rounds it up to 0.1 s."""
    seen: list[float] = []

    def look(_: Any) -> Any:
        seen.append(remaining(60))
        return probe.Answer(text="")

    ping = connect(start(ping=look), timeout=60).bind(probe.methods.ping)
    with within(20.0):
        ping(probe.PlainRequest(text=""))
    assert 10.0 < seen[0] <= 20.1


def test_a_call_without_a_deadline_gets_the_servers(probe: SimpleNamespace, pb: Any, start: Start) -> None:
    seen: list[float] = []

    def look(_: Any) -> Any:
        seen.append(remaining(60))
        return probe.Answer(text="")

    with grpc.insecure_channel(f"127.0.0.1:{start(ping=look, options={'deadline': 3.0}).port}") as raw:
        raw.unary_unary(probe.methods.ping.path, None, None)(pb.PlainRequest().SerializeToString())
    assert 2.0 < seen[0] <= 3.0


def test_a_call_to_a_slow_server_ends_at_the_deadline(
    probe: SimpleNamespace, start: Start, connect: Connect, gate: Gate
) -> None:
    ping = connect(start(ping=gate)).bind(probe.methods.ping)
    begun = time.monotonic()
    with within(0.2), pytest.raises(DeadlineExceeded):
        ping(probe.PlainRequest(text=""))
    assert 0.15 < time.monotonic() - begun < 4.0


def test_a_call_after_its_deadline_is_not_sent(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    calls: list[object] = []
    ping = connect(start(ping=calls.append)).bind(probe.methods.ping)
    token = DEADLINE.set(time.monotonic() - 1)
    try:
        with pytest.raises(DeadlineExceeded):
            ping(probe.PlainRequest(text=""))
    finally:
        DEADLINE.reset(token)
    assert calls == []


def test_a_stopped_server_is_reported_at_once_and_found_after_its_restart(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """The same channel reconnects."""
    first = start()
    ping = connect(first).bind(probe.methods.ping)
    assert ping(probe.PlainRequest(text="1")).text == "1"
    first.stop(0)
    begun = time.monotonic()
    with pytest.raises(Unavailable) as away:
        ping(probe.PlainRequest(text="2"))
    assert time.monotonic() - begun < 4.0
    assert away.value.retry_after is not None

    start(address=f"127.0.0.1:{first.port}")
    while True:
        with contextlib.suppress(Unavailable):
            assert ping(probe.PlainRequest(text="3")).text == "3"
            break
        assert time.monotonic() - begun < 10
        time.sleep(0.05)


@pytest.mark.parametrize(("method", "attempts"), [("look", 2), ("ask", 1)])
def test_only_idempotent_methods_are_retried(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer, method: str, attempts: int
) -> None:
    """Two attempts at most; a non-idempotent method is called once."""
    calls: list[object] = []

    def away(request: Any) -> Any:
        calls.append(request)
        raise Unavailable("The database is away.")

    channel = connect(start(**{method: away}), token=lambda: issuer.issue("ada"))
    with pytest.raises(RemoteError) as raised:
        channel.bind(getattr(probe.methods, method))(probe.AskRequest(text=""))
    assert raised.value.kind is Kind.UNAVAILABLE
    assert raised.value.problem.detail == "The database is away."
    assert len(calls) == attempts


def test_a_retry_succeeds_when_the_server_recovers(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    calls: list[object] = []

    def recovering(request: Any) -> Any:
        calls.append(request)
        if len(calls) < 2:
            raise Unavailable("Not yet.")
        return probe.Answer(text="now")

    channel = connect(start(look=recovering), token=lambda: issuer.issue("ada"))
    assert channel.bind(probe.methods.look)(probe.AskRequest(text="")).text == "now"


def test_a_refusal_with_a_retry_delay_is_not_retried(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """There is time for another attempt, but it would make every service on the way wait."""
    calls: list[object] = []

    def away(request: Any) -> Any:
        calls.append(request)
        raise Unavailable("Come back later.", retry_after=0.01)

    channel = connect(start(look=away), token=lambda: issuer.issue("ada"))
    with within(20.0), pytest.raises(RemoteError) as raised:
        channel.bind(probe.methods.look)(probe.AskRequest(text=""))
    assert raised.value.problem.retry_after == 0.01
    assert len(calls) == 1


def test_no_attempt_starts_after_the_deadline_or_beyond_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether_adapters.grpc.retry.random.uniform", lambda _, most: most)
    now, away, budget = time.monotonic(), Unavailable("away"), RetryBudget()
    assert pause_before(1, 3, away, now + 60, budget) == 0.05
    assert pause_before(2, 3, away, now + 60, budget) == 0.1
    assert pause_before(2, 3, away, now + 0.05, budget) is None
    assert pause_before(3, 3, away, now + 60, budget) is None
    assert pause_before(1, 3, away, now + 60, RetryBudget(0.0)) is None


def test_calls_are_balanced_over_all_addresses_of_a_target(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """Round robin; after a server dies its calls go to the others."""
    hits: Counter[str] = Counter()

    def named(name: str) -> Callable[[Any], Any]:
        def answer(_: Any) -> Any:
            hits[name] += 1
            return probe.Answer(text=name)

        return answer

    one, two = start(ping=named("one")), start(ping=named("two"))
    ping = connect(f"ipv4:127.0.0.1:{one.port},127.0.0.1:{two.port}").bind(probe.methods.ping)
    deadline = time.monotonic() + 60
    while not (hits["one"] and hits["two"]):
        ping(probe.PlainRequest(text=""))
        assert time.monotonic() < deadline
    hits.clear()
    for _ in range(20):
        ping(probe.PlainRequest(text=""))
    assert hits.keys() == {"one", "two"}
    assert min(hits.values()) >= 4  # each connection goes round robin


def test_a_request_above_the_limit_is_refused_as_too_large(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    ping = connect(start(options={"message_limit": 1000})).bind(probe.methods.ping)
    with pytest.raises(RemoteError) as refused:
        ping(probe.PlainRequest(text="x" * 2000))
    assert refused.value.kind is Kind.TOO_LARGE


def test_a_stopping_server_lets_running_calls_finish(
    probe: SimpleNamespace, start: Start, connect: Connect, gate: Gate, issuer: Issuer
) -> None:
    """It refuses new calls meanwhile."""
    server = start(ping=gate)
    ping = connect(server).bind(probe.methods.ping)
    late = connect(server, token=lambda: issuer.issue("ada")).bind(probe.methods.ask)
    with ThreadPoolExecutor(2) as callers:
        inside = callers.submit(ping, probe.PlainRequest(text=""))
        assert gate.arrived.acquire(timeout=60)
        stopped = callers.submit(server.stop, 5.0)
        with pytest.raises(Unavailable):
            while True:
                late(probe.AskRequest(text=""))
        assert not stopped.done()
        gate.open.set()
        assert inside.result(60).text == "done"
        stopped.result(60)


def test_a_stopping_server_waits_no_longer_than_the_grace_period(
    probe: SimpleNamespace, start: Start, connect: Connect, gate: Gate
) -> None:
    server = start(ping=gate)
    ping = connect(server).bind(probe.methods.ping)
    with ThreadPoolExecutor(1) as callers:
        inside = callers.submit(ping, probe.PlainRequest(text=""))
        assert gate.arrived.acquire(timeout=60)
        begun = time.monotonic()
        server.stop(0.3)
        assert time.monotonic() - begun < 4.0
        with pytest.raises(Unavailable):
            inside.result(60)
        gate.open.set()
