"""Tests of the gRPC handler: what it accepts and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import grpc
import pytest
import structlog
from aether_adapters.auth.tokens import Issuer
from aether_adapters.grpc import Channel, Codec, Server
from aether_adapters.kernel.errors import Kind, Malformed
from aether_adapters.kernel.identity import TOKEN
from aether_adapters.kernel.problems import Problem, RemoteError

Start = Callable[..., Server]
Connect = Callable[..., Channel]


def test_the_verified_caller_reaches_the_use_case(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """Subject, roles and session come from the token."""
    channel = connect(start(), token=lambda: issuer.issue("ada", ("admin", "staff"), "s-1"))
    answer = channel.bind(probe.methods.ask)(probe.AskRequest(text="hello"))
    assert answer == probe.Answer(
        text="hello", caller=probe.Caller(subject="ada", roles=("admin", "staff"), session="s-1")
    )


def test_the_client_strips_a_caller_and_the_server_refuses_a_forged_one(
    probe: SimpleNamespace, pb: ModuleType, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """A gateway's request holds the caller of its own server; a raw message with a caller is refused."""
    server, token = start(), issuer.issue("ada")
    forged = probe.AskRequest(caller=probe.Caller(subject="root", session=""), text="hello")
    answer = connect(server, token=lambda: token).bind(probe.methods.ask)(forged)
    assert answer.caller.subject == "ada"

    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as raw:
        call = raw.unary_unary(probe.methods.ask.path, None, None)
        with pytest.raises(grpc.RpcError) as refused:
            call(
                pb.AskRequest(caller=pb.Caller(subject="root"), text="hello").SerializeToString(),
                metadata=(("authorization", f"Bearer {token}"),),
                timeout=5,
            )
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "caller" in (refused.value.details() or "")


def test_a_broken_rule_arrives_as_the_same_problem(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """The problem is equal on both sides, so a gateway renders the same bytes."""
    broken = probe.AlreadyClosed(2**53 + 1, "Größe ✓", ("a", "b"))

    def refuse(_: Any) -> Any:
        raise broken

    ask = connect(start(ask=refuse), token=lambda: issuer.issue("ada")).bind(probe.methods.ask)
    with pytest.raises(RemoteError) as raised:
        ask(probe.AskRequest(text=""))
    problem: Problem = probe.errors.problem(broken)
    assert raised.value.problem == problem
    assert raised.value.problem.to_json() == problem.to_json()
    assert raised.value.kind is Kind.CONFLICT
    assert raised.value.type == "/problems/probe/already-closed"


def test_undecodable_bytes_are_an_invalid_argument(
    probe: SimpleNamespace, start: Start, issuer: Issuer
) -> None:
    """grpcio alone would answer INTERNAL."""
    server = start()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as raw:
        call = raw.unary_unary(probe.methods.ask.path, None, None)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\xff\xff\xff", metadata=(("authorization", f"Bearer {issuer.issue('ada')}"),), timeout=5)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_missing_required_field_is_named(probe: SimpleNamespace, start: Start, connect: Connect) -> None:
    """The refusal of a codec reaches the caller with its pointer."""

    def refuse(_: Any) -> Any:
        raise Malformed("/createdAt", "is required")

    with pytest.raises(RemoteError) as raised:
        connect(start(ping=refuse)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    assert raised.value.kind is Kind.MALFORMED
    assert raised.value.problem.errors == ({"pointer": "/createdAt", "reason": "is required"},)


def test_an_undeclared_error_reveals_nothing_to_the_caller(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """Its text may hold confidential data."""

    def fail(_: Any) -> Any:
        raise RuntimeError("password=hunter2")

    with pytest.raises(RemoteError) as raised:
        connect(start(ping=fail)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    assert raised.value.kind is Kind.INTERNAL
    assert "hunter2" not in str(raised.value.problem)


def test_a_problem_that_cannot_be_encoded_ends_the_call_as_internal(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """Text with a lone surrogate has no UTF-8 form."""

    def refuse(_: Any) -> Any:
        raise probe.AlreadyClosed(1, "\ud800", ())

    with pytest.raises(RemoteError) as raised:
        connect(start(ping=refuse)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    assert raised.value.problem == probe.errors.problem(RuntimeError())


def test_values_of_many_kilobytes_arrive_complete(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """More than gRPC clients accept by default."""
    broken = probe.AlreadyClosed(1, "x" * 30_000, ())

    def refuse(_: Any) -> Any:
        raise broken

    with pytest.raises(RemoteError) as raised:
        connect(start(ping=refuse)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    assert raised.value.problem == probe.errors.problem(broken)


def test_an_occupied_port_is_refused(start: Start) -> None:
    """By default gRPC would share the port between both servers."""
    taken = start()
    with pytest.raises(RuntimeError, match="Failed to bind"):
        start(address=f"127.0.0.1:{taken.port}")


def test_an_unknown_method_is_unimplemented(start: Start) -> None:
    with (
        grpc.insecure_channel(f"127.0.0.1:{start().port}") as raw,
        pytest.raises(grpc.RpcError) as refused,
    ):
        raw.unary_unary("/probe.v1.ProbeService/Nothing", None, None)(b"", timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_response_that_breaks_the_contract_is_not_the_callers_fault(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """A gateway would render Malformed as 400; the fault is INTERNAL to the service behind it."""
    other = replace(probe.methods.ping, response=Codec(to_wire=bytes, from_wire=_refused))
    ping = connect(start()).bind(other)
    with pytest.raises(RuntimeError, match="contract") as raised:
        ping(probe.PlainRequest(text=""))
    assert probe.errors.problem(raised.value).kind is Kind.INTERNAL


def _refused(_: bytes) -> Any:
    raise Malformed("Answer.text", "is required")


def test_a_text_with_nul_is_refused_and_bytes_of_zero_are_not(
    probe: SimpleNamespace, pb: ModuleType, start: Start
) -> None:
    server = start()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as raw:
        call = raw.unary_unary(probe.methods.ping.path, None, None)
        with pytest.raises(grpc.RpcError) as refused:
            call(pb.PlainRequest(text="a\0b").SerializeToString(), timeout=5)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "/text: must not contain a NUL" in (refused.value.details() or "")
        unknown_field_with_zero = pb.PlainRequest(text="ab").SerializeToString() + b"\x78\x00"
        assert call(unknown_field_with_zero, timeout=5)


@pytest.mark.parametrize("good", [True, False])
def test_a_traceparent_is_taken_if_it_is_one(
    probe: SimpleNamespace, pb: ModuleType, start: Start, good: bool
) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01" if good else "x" * 100_000
    seen: list[Any] = []

    def tell(request: Any) -> Any:
        seen.append(structlog.contextvars.get_contextvars().get("traceparent"))
        return probe.Answer(text=request.text)

    with grpc.insecure_channel(f"127.0.0.1:{start(ping=tell).port}") as raw:
        call = raw.unary_unary(probe.methods.ping.path, None, None)
        call(pb.PlainRequest(text="a").SerializeToString(), metadata=(("traceparent", parent),), timeout=5)
    assert seen == [parent if good else None]


def test_a_public_method_sees_nothing_of_the_call_before_it_in_its_thread(
    probe: SimpleNamespace, pb: ModuleType, start: Start, issuer: Issuer
) -> None:
    seen: list[Any] = []

    def tell(request: Any) -> Any:
        seen.append((TOKEN.get(), structlog.contextvars.get_contextvars().get("traceparent")))
        return probe.Answer(text=request.text)

    server = start(ask=tell, ping=tell, options={"threads": 1})
    traced = ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as raw:
        ask = raw.unary_unary(probe.methods.ask.path, None, None)
        ping = raw.unary_unary(probe.methods.ping.path, None, None)
        for _ in range(3):
            ask(
                pb.AskRequest(text="a").SerializeToString(),
                metadata=(("authorization", f"Bearer {issuer.issue('ada')}"), traced),
                timeout=5,
            )
            ping(pb.PlainRequest(text="a").SerializeToString(), timeout=5)
    assert [token is not None for token, _ in seen] == [True, False] * 3
    assert [trace for _, trace in seen] == [traced[1], None] * 3
