"""What the gRPC door lets in, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import grpc
import pytest
from aether_adapters.auth.tokens import Issuer
from aether_adapters.grpc import Channel, Codec, Server
from aether_adapters.kernel.errors import Kind, Malformed
from aether_adapters.kernel.problems import Problem, RemoteError

Start = Callable[..., Server]
Connect = Callable[..., Channel]


def test_a_call_carries_the_verified_caller_to_the_use_case(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """Subject, roles and session come from the token; the client never writes them."""
    channel = connect(start(), token=lambda: issuer.issue("ada", ("admin", "staff"), "s-1"))
    answer = channel.bind(probe.methods.ask)(probe.AskRequest(text="hello"))
    assert answer == probe.Answer(
        text="hello", caller=probe.Caller(subject="ada", roles=("admin", "staff"), session="s-1")
    )


def test_the_client_strips_a_caller_and_the_server_refuses_a_forged_one(
    probe: SimpleNamespace, pb: ModuleType, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """A gateway's request still holds the caller of its own edge; raw bytes from elsewhere are refused."""
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


def test_a_broken_rule_arrives_as_the_problem_it_was(
    probe: SimpleNamespace, start: Start, connect: Connect, issuer: Issuer
) -> None:
    """An equal problem on both sides, so that a gateway renders the same bytes."""
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


def test_bytes_that_are_no_message_are_the_callers_fault(
    probe: SimpleNamespace, start: Start, issuer: Issuer
) -> None:
    """INVALID_ARGUMENT, where grpcio alone would answer INTERNAL."""
    server = start()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as raw:
        call = raw.unary_unary(probe.methods.ask.path, None, None)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\xff\xff\xff", metadata=(("authorization", f"Bearer {issuer.issue('ada')}"),), timeout=5)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_field_the_contract_requires_is_named_when_it_is_missing(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """What a codec refuses reaches the caller with its place."""

    def refuse(_: Any) -> Any:
        raise Malformed("/createdAt", "is required")

    with pytest.raises(RemoteError) as raised:
        connect(start(ping=refuse)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    assert raised.value.kind is Kind.MALFORMED
    assert raised.value.problem.errors == ({"pointer": "/createdAt", "reason": "is required"},)


def test_an_error_nobody_declared_tells_the_caller_nothing(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """Its text may hold what is not the caller's to know."""

    def fail(_: Any) -> Any:
        raise RuntimeError("password=hunter2")

    with pytest.raises(RemoteError) as raised:
        connect(start(ping=fail)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    assert raised.value.kind is Kind.INTERNAL
    assert "hunter2" not in str(raised.value.problem)


def test_a_problem_no_status_can_carry_is_still_an_answer(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """Text with a lone surrogate has no UTF-8 form; the call ends as INTERNAL, and says nothing of it."""

    def refuse(_: Any) -> Any:
        raise probe.AlreadyClosed(1, "\ud800", ())

    with pytest.raises(RemoteError) as raised:
        connect(start(ping=refuse)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    assert raised.value.problem == probe.errors.problem(RuntimeError())


def test_values_of_many_kilobytes_arrive_whole(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """More than gRPC's clients take by default."""
    broken = probe.AlreadyClosed(1, "x" * 30_000, ())

    def refuse(_: Any) -> Any:
        raise broken

    with pytest.raises(RemoteError) as raised:
        connect(start(ping=refuse)).bind(probe.methods.ping)(probe.PlainRequest(text=""))
    assert raised.value.problem == probe.errors.problem(broken)


def test_a_port_that_is_taken_is_refused(start: Start) -> None:
    """gRPC would share it by default, and each server get some of the calls."""
    taken = start()
    with pytest.raises(RuntimeError, match="Failed to bind"):
        start(address=f"127.0.0.1:{taken.port}")


def test_a_method_nobody_serves_is_unimplemented(start: Start) -> None:
    with (
        grpc.insecure_channel(f"127.0.0.1:{start().port}") as raw,
        pytest.raises(grpc.RpcError) as refused,
    ):
        raw.unary_unary("/probe.v1.ProbeService/Nothing", None, None)(b"", timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_answer_that_breaks_the_contract_is_not_the_callers_fault(
    probe: SimpleNamespace, start: Start, connect: Connect
) -> None:
    """A gateway renders a Malformed as 400; this is an INTERNAL of the service behind it."""
    other = replace(probe.methods.ping, response=Codec(to_wire=bytes, from_wire=_refused))
    ping = connect(start()).bind(other)
    with pytest.raises(RuntimeError, match="contract") as raised:
        ping(probe.PlainRequest(text=""))
    assert probe.errors.problem(raised.value).kind is Kind.INTERNAL


def _refused(_: bytes) -> Any:
    raise Malformed("Answer.text", "is required")
