"""Tests of the asyncio client: the calls and errors of the synchronous one, on an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from aether_adapters.auth.tokens import Issuer
from aether_adapters.grpc import AsyncChannel, Channel, Server
from aether_adapters.kernel.deadline import remaining, within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.identity import TOKEN
from aether_adapters.kernel.problems import Problem, RemoteError
from aether_adapters.observability.logging import REQUEST_ID

Start = Callable[..., Server]
Use = Callable[[AsyncChannel], Awaitable[Any]]


def _run(server: Server | str, use: Use, **options: Any) -> Any:
    async def main() -> Any:
        channel = AsyncChannel(server if isinstance(server, str) else f"127.0.0.1:{server.port}", **options)
        try:
            return await use(channel)
        finally:
            await channel.close()

    return asyncio.run(main())


def test_token_request_id_and_trace_are_forwarded(
    probe: SimpleNamespace, start: Start, issuer: Issuer
) -> None:
    """The client strips the gateway's own caller field; the server fills it from the forwarded token."""
    seen: list[dict[str, Any]] = []

    def look(request: Any) -> Any:
        seen.append(
            {
                **structlog.contextvars.get_contextvars(),
                "request_id": REQUEST_ID.get(),
                "left": remaining(60),
                "caller": request.caller,
            }
        )
        return probe.Answer(text="")

    async def use(channel: AsyncChannel) -> None:
        TOKEN.set(issuer.issue("ada", ("admin",), "s-1"))
        REQUEST_ID.set("r-1")
        structlog.contextvars.bind_contextvars(
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        )
        with within(20.0):
            mine = probe.Caller(subject="ada", roles=("admin",), session="s-1")
            await channel.bind(probe.methods.ask)(probe.AskRequest(caller=mine, text=""))

    _run(start(ask=look), use, timeout=60)
    assert seen[0]["request_id"] == "r-1"
    assert seen[0]["traceparent"] == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert seen[0]["caller"] == probe.Caller(subject="ada", roles=("admin",), session="s-1")
    assert 10.0 < seen[0]["left"] <= 20.1


def test_a_refused_token_of_the_gateway_is_no_fault_of_its_caller(
    probe: SimpleNamespace, start: Start, issuer: Issuer
) -> None:
    """With a 401 its caller would sign in again, in vain."""

    async def use(channel: AsyncChannel) -> None:
        TOKEN.set(issuer.issue("ada"))
        with pytest.raises(Unavailable):
            await channel.bind(probe.methods.ask)(probe.AskRequest(text=""))

    server = start(ask=lambda _: probe.Answer(text=""))
    for wrong in ("rubbish", issuer.issue("ada")):  # the second is no service's
        _run(server, use, service_token=lambda wrong=wrong: wrong)


def test_a_broken_rule_arrives_as_the_same_problem(probe: SimpleNamespace, start: Start) -> None:
    broken = probe.AlreadyClosed(3, "x", ("a",))

    def refuse(_: Any) -> Any:
        raise broken

    async def use(channel: AsyncChannel) -> Problem:
        with pytest.raises(RemoteError) as raised:
            await channel.bind(probe.methods.ping)(probe.PlainRequest(text=""))
        return raised.value.problem

    assert _run(start(ping=refuse), use) == probe.errors.problem(broken)


def test_a_call_to_a_slow_server_ends_at_the_deadline(probe: SimpleNamespace, start: Start) -> None:
    released = threading.Event()

    def slow(_: Any) -> Any:
        released.wait(60)
        return probe.Answer(text="")

    async def use(channel: AsyncChannel) -> float:
        begun = time.monotonic()
        with within(0.2), pytest.raises(DeadlineExceeded):
            await channel.bind(probe.methods.ping)(probe.PlainRequest(text=""))
        return time.monotonic() - begun

    try:
        assert 0.15 < _run(start(ping=slow), use) < 2.0
    finally:
        released.set()


def test_a_stopped_server_is_reported_at_once_and_found_after_its_restart(
    probe: SimpleNamespace, start: Start
) -> None:
    first = start()

    async def use(channel: AsyncChannel) -> str:
        ping = channel.bind(probe.methods.ping)
        assert (await ping(probe.PlainRequest(text="1"))).text == "1"
        await asyncio.to_thread(first.stop, 0)
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            await ping(probe.PlainRequest(text="2"))
        assert time.monotonic() - begun < 4.0
        start(address=f"127.0.0.1:{first.port}")
        while True:
            try:
                return str((await ping(probe.PlainRequest(text="3"))).text)
            except Unavailable:
                assert time.monotonic() - begun < 10
                await asyncio.sleep(0.05)

    assert _run(first, use) == "3"


@pytest.mark.parametrize(("method", "attempts"), [("look", 2), ("ask", 1)])
def test_only_idempotent_methods_are_retried(
    probe: SimpleNamespace, start: Start, issuer: Issuer, method: str, attempts: int
) -> None:
    calls: list[object] = []

    def away(request: Any) -> Any:
        calls.append(request)
        raise Unavailable("The database is away.")

    async def use(channel: AsyncChannel) -> None:
        with pytest.raises(RemoteError):
            await channel.bind(getattr(probe.methods, method))(probe.AskRequest(text=""))

    _run(start(**{method: away}), use, token=lambda: issuer.issue("ada"))
    assert len(calls) == attempts


def test_cancelling_a_task_cancels_its_call(probe: SimpleNamespace, start: Start) -> None:
    """The server's queue slot becomes free."""
    released = threading.Event()
    entered = threading.Event()

    def slow(_: Any) -> Any:
        entered.set()
        released.wait(60)
        return probe.Answer(text="done")

    async def use(channel: AsyncChannel) -> None:
        task = asyncio.ensure_future(channel.bind(probe.methods.ping)(probe.PlainRequest(text="")))
        await asyncio.to_thread(entered.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    try:
        _run(start(ping=slow), use)
    finally:
        released.set()


def test_concurrent_calls_on_one_channel_get_their_own_answers(probe: SimpleNamespace, start: Start) -> None:
    async def use(channel: AsyncChannel) -> list[str]:
        ping = channel.bind(probe.methods.ping)
        answers = await asyncio.gather(*(ping(probe.PlainRequest(text=str(number))) for number in range(64)))
        return [answer.text for answer in answers]

    assert _run(start(), use) == [str(number) for number in range(64)]


def test_a_channel_works_in_one_event_loop_after_another(probe: SimpleNamespace, start: Start) -> None:
    """A composition root builds the channel before a loop exists; tests run several loops."""
    channel = AsyncChannel(f"127.0.0.1:{start().port}")
    ping = channel.bind(probe.methods.ping)

    async def once(text: str) -> str:
        answer = await ping(probe.PlainRequest(text=text))
        await channel.close()
        return str(answer.text)

    assert [asyncio.run(once(text)) for text in ("a", "b")] == ["a", "b"]


def test_both_clients_can_be_used_in_one_process(probe: SimpleNamespace, start: Start) -> None:
    server = start()

    async def use(channel: AsyncChannel) -> tuple[str, str]:
        with Channel(f"127.0.0.1:{server.port}") as other:
            blocking = other.bind(probe.methods.ping)
            one = await asyncio.to_thread(blocking, probe.PlainRequest(text="sync"))
            two = await channel.bind(probe.methods.ping)(probe.PlainRequest(text="async"))
            return one.text, two.text

    assert _run(server, use) == ("sync", "async")
