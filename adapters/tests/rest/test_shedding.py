"""Tests of the refusal of requests at their head, and of the limit on calls in flight."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import structlog
from aether_adapters.kernel.concurrency import Limiter, LimiterOptions
from aether_adapters.kernel.criticality import Criticality
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import Kind, Unavailable
from aether_adapters.kernel.identity import Access
from aether_adapters.kernel.problems import ErrorTable, Problem, RemoteError, RemoteOverloaded
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.observability.metrics import RequestSeries
from aether_adapters.rest import Admission, InFlight, Operation, Reply
from aether_adapters.rest.response import ConstantHeaders
from aether_adapters.rest.shedding import Shedder
from prometheus_client import REGISTRY

OVERLOADED = RemoteOverloaded(
    Problem(kind=Kind.EXHAUSTED, type="/problems/trade/exhausted", title="Exhausted", detail="")
)
SEVERE = Criticality.CRITICAL_PLUS
"""Only calls of this level are admitted, unless a test says otherwise."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An operation as its contract declares it."""

    id: str = "placeOrder"
    criticality: Criticality = Criticality.CRITICAL


class Least:
    """Admits calls of a level and above."""

    def __init__(self, level: Criticality) -> None:
        self.level = level
        self.arriving = 0

    def admits(self, criticality: Criticality, /) -> bool:
        return criticality >= self.level


class Server:
    """A shedder, and what it counts."""

    def __init__(self, least: Criticality, operation: Declared | None) -> None:
        self.admission = Least(least)
        self.series = RequestSeries("trade")
        self._shed = Shedder(
            self.admission,
            lambda _: operation,
            ErrorTable("trade", {}),
            self.series,
            ConstantHeaders.of([(b"x-frame-options", b"DENY")]),
            b"x-request-id",
        )

    def ask(self, *headers: tuple[bytes, bytes]) -> Any:
        scope: dict[str, Any] = {"type": "http", "headers": list(headers)}
        return self._shed(scope)


def shed_with(admission: Admission) -> Any:
    """Ask a new shedder about one request."""
    constant = ConstantHeaders.of([])
    errors, series = ErrorTable("trade", {}), RequestSeries("trade")
    shedder = Shedder(admission, lambda _: Declared(), errors, series, constant, b"x-request-id")
    return shedder({"type": "http", "headers": []})


def refused(server: str, level: Criticality) -> float:
    labels = {"server": server, "criticality": level.name.lower()}
    return REGISTRY.get_sample_value("aether_overload_refused_total", labels) or 0.0


def test_a_request_is_refused_with_a_whole_response_and_counted() -> None:
    server, before = Server(SEVERE, Declared()), refused("rest", Criticality.CRITICAL)
    answer = server.ask((b"x-request-id", b"r-1"))
    headers = dict(answer.headers)
    assert answer.status == 429
    assert answer.encoded == b"x-frame-options: DENY\r\n"
    assert headers[b"x-request-id"] == b"r-1"
    assert headers[b"content-type"] == b"application/problem+json"
    assert int(headers[b"content-length"]) == len(answer.body)
    assert 1 <= int(headers[b"retry-after"]) <= 2  # whole seconds, rounded up
    assert json.loads(answer.body)["type"] == "/problems/exhausted"
    assert list(server.series.counts) == [("placeOrder", 429)]
    assert refused("rest", Criticality.CRITICAL) == before + 1


def test_requests_go_on_while_there_is_room_and_where_the_contract_ends() -> None:
    """Probes, documentation and unknown paths are no operations."""
    assert Server(Criticality.SHEDDABLE, Declared()).ask() is None
    assert Server(SEVERE, None).ask() is None


def test_a_crowd_whose_heads_come_at_once_is_refused_beyond_limit_and_queue() -> None:
    """Each counts from its head on, before its call can begin."""
    in_flight = InFlight(LimiterOptions(first=3), queue=2)
    assert [shed_with(in_flight) is None for _ in range(7)] == [True] * 5 + [False] * 2


def test_a_request_arrives_until_it_reads_its_body_or_ends(build_billing: Callable[..., Any]) -> None:
    admission = Least(Criticality.SHEDDABLE)
    app = build_billing(admission=admission)
    seen: list[int] = []

    async def ask(method: str, path: str, token: bytes) -> None:
        scope: Any = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"authorization", token), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
        }
        assert app.shed is not None
        assert app.shed(scope) is None
        assert admission.arriving == 1

        async def receive() -> Any:
            seen.append(admission.arriving)
            return {"type": "http.request", "body": b'{"title":"Paper"}', "more_body": False}

        async def send(_: object) -> None:
            pass

        await app(scope, receive, send)

    for request in (
        ("POST", "/v1/invoices", b"Bearer ann"),
        ("GET", "/v1/tally", b"Bearer mallory"),
        ("GET", "/v2/nothing", b""),
    ):
        asyncio.run(ask(*request))
        assert admission.arriving == 0
    assert seen == [0]


@pytest.mark.parametrize(
    ("declared", "sent", "admitted"),
    [
        (Criticality.CRITICAL, b"", True),
        (Criticality.CRITICAL, b"sheddable", False),
        (Criticality.SHEDDABLE, b"critical_plus", False),
        (Criticality.CRITICAL, b"urgent", True),
        (Criticality.SHEDDABLE_PLUS, b"", False),
        (Criticality.CRITICAL, b"\xff", True),
    ],
)
def test_the_level_is_the_contracts_unless_the_caller_lowers_it(
    declared: Criticality, sent: bytes, admitted: bool
) -> None:
    server = Server(Criticality.CRITICAL, Declared(criticality=declared))
    headers = [(b"x-criticality", sent)] if sent else []
    assert (server.ask(*headers) is None) is admitted


@pytest.mark.parametrize("sent", [b"", b"two words", b"x" * 129])
def test_a_request_without_a_usable_id_gets_one(sent: bytes) -> None:
    stamp = dict(Server(SEVERE, Declared()).ask((b"x-request-id", sent)).headers)[b"x-request-id"]
    assert stamp != sent
    assert len(stamp) == 32


def test_a_flood_of_refusals_makes_one_line_in_the_log() -> None:
    server = Server(SEVERE, Declared())
    with structlog.testing.capture_logs() as lines:
        for _ in range(100):
            server.ask()
    assert [line["count"] for line in lines] == [1]


def test_the_delays_of_refusals_differ() -> None:
    server = Server(SEVERE, Declared())
    assert len({dict(server.ask().headers)[b"retry-after"] for _ in range(200)}) > 1


def test_a_refusal_behind_the_head_counts_the_level_of_its_request(build_billing: Callable[..., Any]) -> None:
    app = build_billing(admission=Least(Criticality.CRITICAL))

    async def ask(level: str) -> int:
        transport = httpx.ASGITransport(app)  # without connections, whose shedder would come first
        async with httpx.AsyncClient(transport=transport, base_url="http://billing") as client:
            headers = {"authorization": "Bearer ann", "x-criticality": level}
            return (await client.get("/v1/tally", headers=headers)).status_code

    before = refused("rest", Criticality.SHEDDABLE)
    assert [asyncio.run(ask(level)) for level in ("critical", "sheddable")] == [200, 429]
    assert refused("rest", Criticality.SHEDDABLE) == before + 1


def limited(in_flight: InFlight, call: Any) -> Any:
    """Return the call of an operation within the limit."""
    operation = Operation("getInvoice", Access.PUBLIC, lambda _: None, call, lambda _: Reply(204))
    (made,) = in_flight.limited([operation])
    return made.call


def test_calls_beyond_the_limit_are_refused_and_make_room_when_they_end() -> None:
    in_flight = InFlight(LimiterOptions(first=3))

    async def main() -> None:
        release = asyncio.Event()
        call = limited(in_flight, lambda _: release.wait())
        running = [asyncio.create_task(call(None)) for _ in range(3)]
        await asyncio.sleep(0)
        assert not in_flight.admits(Criticality.CRITICAL)
        with pytest.raises(Overloaded):
            await call(None)
        release.set()
        assert await asyncio.gather(*running) == [True] * 3
        assert in_flight.admits(Criticality.CRITICAL)
        assert await call(None) is True

    asyncio.run(main())


def test_a_call_that_fails_or_is_cancelled_makes_room_too() -> None:
    in_flight = InFlight(LimiterOptions(first=1))

    async def fail(error: BaseException) -> None:
        raise error

    async def main() -> None:
        call = limited(in_flight, fail)
        for error in (KeyError("x"), asyncio.CancelledError()):
            with pytest.raises(type(error)):
                await call(error)
            assert in_flight.admits(Criticality.CRITICAL)

    asyncio.run(main())


def test_the_limit_shrinks_when_the_service_behind_a_gateway_refuses_for_overload() -> None:
    in_flight = InFlight(LimiterOptions(first=10))

    async def main() -> None:
        release = asyncio.Event()

        async def ask(refused: bool) -> None:
            if refused:
                raise OVERLOADED
            await release.wait()

        call = limited(in_flight, ask)
        running = [asyncio.create_task(call(False)) for _ in range(9)]
        await asyncio.sleep(0)
        with pytest.raises(RemoteOverloaded):
            await call(True)
        async with asyncio.timeout(60):
            while in_flight.admits(Criticality.CRITICAL):  # a timer changes it
                await asyncio.sleep(0.01)
        release.set()
        await asyncio.gather(*running)

    asyncio.run(main())


def test_a_call_that_breaks_a_rule_counts_as_one_that_the_service_can_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a sale nearly all are told that it is sold out, and a rate without them would refuse a crowd for nothing."""
    ended: list[str] = []

    class Recording(Limiter):
        def finish(self, operation: Hashable, seconds: float, cpu_seconds: float = 0.0) -> None:
            ended.append("finished")
            super().finish(operation, seconds, cpu_seconds)

        def drop(self) -> None:
            ended.append("dropped")
            super().drop()

    monkeypatch.setattr("aether_adapters.rest.in_flight.Limiter", Recording)
    problem = Problem(kind=Kind.CONFLICT, type="/problems/trade/sold-out", title="Sold out", detail="")

    async def fail(error: BaseException) -> None:
        raise error

    async def main() -> None:
        call = limited(InFlight(), fail)
        for error in (RemoteError(problem), KeyError("rule"), Unavailable("away"), asyncio.CancelledError()):
            with pytest.raises(type(error)):
                await call(error)

    asyncio.run(main())
    assert ended == ["finished", "finished", "dropped", "dropped"]


@pytest.mark.parametrize("leaves_first", [True, False])
def test_calls_beyond_the_limit_wait_for_their_turn_where_there_is_a_queue(leaves_first: bool) -> None:
    in_flight, begun = InFlight(LimiterOptions(first=1), queue=2), list[int]()

    async def main() -> None:
        release = asyncio.Event()

        async def ask(number: int) -> int:
            begun.append(number)
            await release.wait()
            return number

        call = limited(in_flight, ask)
        inside = [asyncio.create_task(call(number)) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await call(3)
        assert begun == [0]
        # Its caller has gone, and the first call ends.
        steps: list[Callable[[], object]] = [inside[1].cancel, release.set]
        for step in steps if leaves_first else reversed(steps):
            step()
        assert (await inside[0], await inside[2]) == (0, 2)

    asyncio.run(main())
    assert begun == [0, 2]


def test_a_call_that_waited_for_half_of_its_time_is_not_begun() -> None:
    in_flight, begun = InFlight(LimiterOptions(first=1), queue=1), list[object]()

    async def main() -> None:
        release = asyncio.Event()

        async def ask(request: object) -> None:
            begun.append(request)
            await release.wait()

        call = limited(in_flight, ask)
        first = asyncio.create_task(call("first"))
        await asyncio.sleep(0)
        with within(0.05):
            late = asyncio.create_task(call("late"))
            await asyncio.sleep(0.1)
        release.set()
        with pytest.raises(Overloaded):
            await late
        await first
        await call("another")

    asyncio.run(main())
    assert begun == ["first", "another"]


def test_a_call_that_an_overloaded_service_refuses_is_sent_again_before_others() -> None:
    in_flight, asked = InFlight(LimiterOptions(first=1), queue=8), list[int]()

    async def main() -> None:
        async def ask(number: int) -> int:
            asked.append(number)
            if asked.count(1) < 3 and number == 1:
                raise OVERLOADED
            return number

        call = limited(in_flight, ask)
        assert await asyncio.gather(*(call(number) for number in range(3))) == [0, 1, 2]

    asyncio.run(asyncio.wait_for(main(), 60))
    assert asked == [0, 1, 1, 1, 2]


def test_a_service_that_stays_overloaded_is_asked_three_times() -> None:
    in_flight, asked = InFlight(queue=8), list[object]()

    async def refuse(request: object) -> None:
        asked.append(request)
        raise OVERLOADED

    async def main() -> None:
        with pytest.raises(RemoteOverloaded):
            await limited(in_flight, refuse)("mine")
        assert in_flight.admits(Criticality.SHEDDABLE)

    asyncio.run(asyncio.wait_for(main(), 60))
    assert asked == ["mine"] * 3
