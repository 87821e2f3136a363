"""Tests of health, reflection, metrics and logs of the gRPC server."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
import structlog
from aether_adapters.grpc import Bound, Channel, Server, Service
from aether_adapters.grpc import probe as grpc_probe
from aether_adapters.grpc.health_service import SERVICE_NAME, HealthService
from aether_adapters.grpc.lane import Lanes
from aether_adapters.grpc.refusal import Refusal
from aether_adapters.grpc.retry import OPTIONS
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.observability.health import Health
from aether_adapters.observability.logging import REQUEST_ID, add_request_id
from aether_adapters.testing.waiting import eventually
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from structlog.typing import Processor

Start = Callable[..., Server]
Connect = Callable[..., Channel]
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


def _raw(server: Server) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{server.port}")


def test_a_damaged_question_to_reflection_is_refused_and_not_logged(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with _raw(start()) as channel:
        ask = channel.stream_stream(REFLECTION, None, None)
        for damaged in (b"\xff", b"\x1a\x02\xff\xfe", b"\x2a\x03\x0a\x05x"):
            with pytest.raises(grpc.RpcError) as refused:
                next(iter(ask(iter([damaged]), timeout=5)))
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caplog.messages == []


@pytest.mark.prove
def test_a_client_of_ours_that_only_pings_keeps_its_connection(start: Start) -> None:
    """A server that takes its pings for an attack ends the connection at the third."""
    states: list[grpc.ChannelConnectivity] = []
    with grpc.insecure_channel(f"127.0.0.1:{start().port}", options=OPTIONS) as channel:
        grpc.channel_ready_future(channel).result(timeout=30)
        channel.subscribe(states.append)
        time.sleep(6)
    assert set(states) == {grpc.ChannelConnectivity.READY}


@contextmanager
def serving(request_id: str) -> Iterator[None]:
    """Serve a request of this id during the block, as a server does."""
    before = REQUEST_ID.set(request_id)
    try:
        yield
    finally:
        REQUEST_ID.reset(before)


def _statuses(answers: Iterator[Any], wanted: int) -> None:
    for answer in answers:
        if answer.status == wanted:
            return
    pytest.fail(f"the watch ended before {wanted}")


def test_health_follows_the_probes_and_the_drain(start: Start, store: Any) -> None:
    """SERVING, NOT_SERVING while the store is down, SERVING again, NOT_SERVING while draining."""
    server = start()
    with _raw(server) as channel:
        stub = HealthStub(channel)
        check = stub.Check(HealthCheckRequest(service="probe.v1.ProbeService"), timeout=5)
        assert check.status == SERVING
        with pytest.raises(grpc.RpcError) as unknown:
            stub.Check(HealthCheckRequest(service="nobody"), timeout=5)
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
        watch = stub.Watch(HealthCheckRequest(), timeout=20)
        _statuses(watch, SERVING)
        store.away = True
        _statuses(watch, NOT_SERVING)
        assert stub.Check(HealthCheckRequest(), timeout=5).status == NOT_SERVING
        store.away = False
        _statuses(watch, SERVING)
        stopping = threading.Thread(target=server.stop, args=(2.0,))
        stopping.start()
        _statuses(watch, NOT_SERVING)
        watch.cancel()
        stopping.join(5)
        assert not stopping.is_alive()


def test_a_probe_follows_the_servers_readiness_and_reconnects(start: Start, store: Any) -> None:
    """A gateway is ready only if the server behind it is."""
    server = start()
    address = f"127.0.0.1:{server.port}"
    ask = grpc_probe(address)
    ask()
    store.away = True
    refused = _refused(ask, "is not ready")
    assert refused.args == (f"{address} is not ready",)
    store.away = False
    server.stop(0)
    begun = time.monotonic()
    _refused(ask, "UNAVAILABLE")
    assert time.monotonic() - begun < 5
    start(address=address)
    ends = time.monotonic() + 60
    while True:
        try:
            ask()
            break
        except Unavailable:
            assert time.monotonic() < ends
            time.sleep(0.1)


def _refused(ask: Callable[[], None], words: str) -> Unavailable:
    """Call `ask` until its `Unavailable` contains `words`; a server checks its probes once a second."""
    ends = time.monotonic() + 60
    while True:
        try:
            ask()
        except Unavailable as error:
            if words in error.detail:
                return error
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_health_answers_while_every_thread_is_busy_and_watchers_take_none(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """A busy service is healthy."""
    released, entered = threading.Event(), threading.Event()

    def slow(_: Any) -> Any:
        entered.set()
        released.wait(60)
        return probe.Answer(text="done")

    server = start(ping=slow, options={"threads": 1, "queue": 0})
    try:
        with _raw(server) as channel:
            stub = HealthStub(channel)
            watches = [stub.Watch(HealthCheckRequest(), timeout=20) for _ in range(20)]
            for watch in watches:
                _statuses(watch, SERVING)
            calls = threading.Thread(
                target=connect(server).bind(probe.methods.ping), args=(probe.PlainRequest(text=""),)
            )
            calls.start()
            assert entered.wait(60)
            assert stub.Check(HealthCheckRequest(), timeout=2).status == SERVING
            for watch in watches:
                watch.cancel()
            released.set()
            calls.join(5)
    finally:
        released.set()


def test_watchers_that_leave_during_a_status_change_cause_no_deadlock() -> None:
    """A watch ends on grpcio's own thread, which must not wait for a thread that waits for it."""
    turns = itertools.count()
    refusal = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
    health = HealthService((), lambda: next(turns) % 2 == 0, busy=refusal, late=refusal, interval=0.0005)
    handlers = grpc.method_handlers_generic_handler(
        SERVICE_NAME, {path.rsplit("/", 1)[1]: handler for path, handler in health.handlers().items()}
    )
    server = grpc.server(cast("ThreadPoolExecutor", Lanes()), handlers=[handlers])
    port = server.add_insecure_port("127.0.0.1:0")
    health.start()
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = HealthStub(channel)

            def come_and_leave(_: int) -> None:
                watch = stub.Watch(HealthCheckRequest(), timeout=20)
                _statuses(watch, SERVING)
                watch.cancel()

            with ThreadPoolExecutor(8) as pool:
                list(pool.map(come_and_leave, range(400)))
            assert stub.Check(HealthCheckRequest(), timeout=5).status in (SERVING, NOT_SERVING)
    finally:
        stopping = threading.Thread(target=_stop, args=(health, server), daemon=True)
        stopping.start()
        stopping.join(20)
    assert not stopping.is_alive()


def _stop(health: HealthService, server: grpc.Server) -> None:
    health.drain()
    server.stop(0).wait()


def test_two_servers_of_one_process_report_their_own_health(start: Start) -> None:
    """grpcio-health-checking keeps some settings on its class; ours are per server."""
    first, second = start(), start()
    first.stop(0)
    with _raw(second) as channel:
        stub = HealthStub(channel)
        assert stub.Check(HealthCheckRequest(), timeout=5).status == SERVING
        watch = stub.Watch(HealthCheckRequest(), timeout=5)
        _statuses(watch, SERVING)
        watch.cancel()


def test_reflection_describes_the_service_and_open_streams_do_not_block_calls(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    server = start(options={"threads": 2})
    hold = threading.Event()

    def questions(*asked: Any) -> Iterator[Any]:
        yield from asked
        hold.wait(60)

    with _raw(server) as channel:
        stub = ServerReflectionStub(channel)
        answers = stub.ServerReflectionInfo(
            questions(
                ServerReflectionRequest(list_services=""),
                ServerReflectionRequest(file_containing_symbol="probe.v1.ProbeService"),
            ),
            timeout=10,
        )
        names = {service.name for service in next(answers).list_services_response.service}
        assert {"probe.v1.ProbeService", "grpc.health.v1.Health"} <= names
        file = FileDescriptorProto.FromString(next(answers).file_descriptor_response.file_descriptor_proto[0])
        assert [method.name for method in file.service[0].method] == ["Ask", "Look", "Ping", "Reindex"]
        others = [stub.ServerReflectionInfo(questions(), timeout=10) for _ in range(4)]
        assert connect(server).bind(probe.methods.ping)(probe.PlainRequest(text="a")).text == "a"
        for stream in (answers, *others):
            stream.cancel()
        hold.set()


def test_calls_are_counted_by_method_and_outcome(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    def count(code: str) -> float:
        labels = {"grpc_service": "probe.v1.ProbeService", "grpc_method": "Ping", "grpc_code": code}
        return REGISTRY.get_sample_value("grpc_server_handled_total", labels) or 0.0

    def refuse(_: Any) -> Any:
        raise probe.AlreadyClosed(1, "", ())

    good, bad = count("OK"), count("FAILED_PRECONDITION")
    connect(start()).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    with pytest.raises(RemoteError):
        connect(start(ping=refuse)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    eventually(lambda: (count("OK"), count("FAILED_PRECONDITION")) == (good + 1, bad + 1))


def test_a_failure_is_logged_with_request_id_and_trace(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """The id is the caller's; two calls never share one."""

    def fail(_: Any) -> Any:
        raise RuntimeError("boom")

    ping = connect(start(ping=fail)).bind(probe.methods.ping)
    processors: list[Processor] = [structlog.contextvars.merge_contextvars, add_request_id]
    with (
        capture_logs(processors=processors) as logs,
        serving("r-7"),
        structlog.contextvars.bound_contextvars(
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ),
        pytest.raises(RemoteError),
    ):
        ping(probe.PlainRequest(text=""))
    with capture_logs(processors=processors) as others:
        for _ in range(2):
            with pytest.raises(RemoteError):
                ping(probe.PlainRequest(text=""))
    [entry] = [log for log in logs if log["event"] == "call failed"]
    assert (entry["request_id"], entry["traceparent"], str(entry["exc_info"])) == (
        "r-7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "boom",
    )
    assert len({log["request_id"] for log in others}) == 2


def test_a_request_id_that_no_rest_server_would_take_is_replaced(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    seen: list[str] = []

    def look(_: Any) -> Any:
        seen.append(REQUEST_ID.get())
        return probe.Answer(text="")

    ping = connect(start(ping=look)).bind(probe.methods.ping)
    for name in ("a" * 128, "b" * 129, "r-7 level=error"):
        with serving(name):
            ping(probe.PlainRequest(text=""))
    assert seen[0] == "a" * 128
    assert all(0 < len(each) <= 64 and each.isalnum() for each in seen[1:])


def test_a_server_that_drains_goes_on_with_calls_and_reports_that_it_does_not_serve(
    start: Start, probe: Any
) -> None:
    server = start()
    with _raw(server) as channel:
        watch = HealthStub(channel).Watch(HealthCheckRequest(), timeout=20)
        _statuses(watch, SERVING)
        stopping = threading.Thread(target=server.stop, args=(2.0,), kwargs={"drain": 1.5})
        stopping.start()
        _statuses(watch, NOT_SERVING)
        with _raw(server) as late:  # a load balancer that has not heard of it yet
            ping = late.unary_unary(probe.methods.ping.path, None, None)
            assert ping(b"", timeout=1.2) is not None
        watch.cancel()
        stopping.join(20)
        assert not stopping.is_alive()


def test_a_server_whose_probes_hang_answers_calls_meanwhile(probe: Any, verify: Any) -> None:
    """Its port must not open late because a database is frozen: an orchestrator would kill it for that."""
    thaw, answer = (
        threading.Event(),
        probe.Answer(text="", caller=probe.Caller(subject="", roles=(), session="")),
    )

    def hang() -> None:
        thaw.wait(60)

    server = Server(
        [Service("probe.v1.ProbeService", (Bound(probe.methods.ping, lambda _: answer),))],
        errors=probe.errors,
        verify=verify,
        health=Health({"frozen": hang}, timeout=60.0),
        address="127.0.0.1:0",
    )
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        with _raw(server) as channel:
            assert channel.unary_unary(probe.methods.ping.path, None, None)(b"", timeout=20) is not None
        assert starting.is_alive(), "it still waits for the probe"
    finally:
        thaw.set()
        starting.join(20)
        server.stop(0)
