"""E5: calls that are begun and not ended take nothing from anybody else, whatever their kind."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import pytest
from aether_adapters.testing.waiting import eventually
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.attacks.conftest import Victim, victim_of
from tests.attacks.http2 import HEADERS, RST_STREAM, Attacker
from tests.attacks.rpc import LIST, PAGE_OF_ONE, bearer, channel, stranger
from tests.support.acme import Acme

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
HELD_SECONDS = 2.0


def attacker(victim: Victim, *, window: int = 65_535) -> Attacker:
    return Attacker(victim.deployment.grpc_port, window=window)


def credentials(victim: Victim, token: str) -> dict[str, str]:
    """Return the metadata of a call with a token of this kind; each forged one is another."""
    match token:
        case "valid":
            return {"authorization": f"Bearer {victim.token}"}
        case "forged":
            return {"authorization": f"Bearer {victim.token[:-20]}{time.monotonic_ns():020d}"}
        case _:
            return {}


def test_a_call_whose_message_does_not_come_ends_at_the_servers_deadline(victim: Victim) -> None:
    """The client would wait for ever; the setting is five seconds, from the head on."""
    with attacker(victim) as hostile:
        begun = time.monotonic()
        hostile.head(LIST, credentials(victim, "valid"))
        while not hostile.frames[HEADERS]:
            assert time.monotonic() - begun < 10
            time.sleep(0.05)
        assert time.monotonic() - begun > 4


@pytest.mark.parametrize("token", ["none", "forged"])
def test_a_call_without_a_valid_token_is_refused_at_its_head(victim: Victim, token: str) -> None:
    def never() -> Iterator[bytes]:
        time.sleep(12)
        yield PAGE_OF_ONE

    with channel(victim) as opened:
        begun = time.monotonic()
        with pytest.raises(grpc.RpcError) as refused:
            opened.stream_unary(LIST, None, None)(
                never(), timeout=20, metadata=tuple(credentials(victim, token).items())
            )
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert time.monotonic() - begun < 8


def test_calls_of_one_address_are_capped_and_end_with_their_connection(victim: Victim) -> None:
    """Its heads fill what one address may have; another address is served, and so is it once they are gone."""
    with attacker(victim) as hostile, channel(victim) as opened:
        for _ in range(400):
            hostile.head(LIST, credentials(victim, "valid"))
        eventually(lambda: hostile.frames[RST_STREAM] >= 400 - 32, "what is beyond the cap is refused")
        opened.unary_unary(LIST, None, None)(PAGE_OF_ONE, metadata=bearer(victim.token))
    with attacker(victim) as again:
        stream = again.head(LIST, credentials(victim, "valid"))
        again.message(stream, PAGE_OF_ONE)
        eventually(lambda: bool(again.frames[HEADERS]), "the address is served again")


@pytest.mark.prove
@pytest.mark.parametrize("token", ["none", "forged", "valid"])
def test_heads_without_a_message_take_no_capacity(victim: Victim, token: str) -> None:
    """Five times as many as calls can run and wait."""
    with stranger(victim) as somebody, attacker(victim) as hostile, somebody.unharmed():
        for _ in range(400):
            hostile.head(LIST, credentials(victim, token))
        time.sleep(HELD_SECONDS)


@pytest.mark.prove
@pytest.mark.parametrize("path", [CHECK, WATCH, REFLECTION])
def test_one_kind_of_stream_starves_no_other(victim: Victim, path: str) -> None:
    with stranger(victim) as somebody, attacker(victim) as hostile, somebody.unharmed():
        for _ in range(400):
            hostile.head(path)
        time.sleep(HELD_SECONDS)


@pytest.mark.prove
def test_a_watcher_that_reads_nothing_keeps_no_other_from_its_status(victim: Victim) -> None:
    with attacker(victim, window=0) as hostile, channel(victim) as opened:
        for _ in range(40):
            hostile.message(hostile.head(WATCH), b"")
        time.sleep(0.5)
        watch = HealthStub(opened).Watch(HealthCheckRequest(), timeout=5)
        assert next(watch).status == HealthCheckResponse.SERVING
        watch.cancel()


def test_responses_that_are_not_read_count_as_calls(victim: Victim) -> None:
    """Otherwise a client could fill the memory with them."""
    with attacker(victim, window=0) as hostile, channel(victim) as opened:
        for _ in range(100):
            hostile.message(hostile.head(LIST, credentials(victim, "valid")), PAGE_OF_ONE)
        eventually(lambda: hostile.ended >= 100 - 32, "what is beyond the cap is refused")
        assert hostile.ended >= 100 - 32  # more, if the server is busy besides
        opened.unary_unary(LIST, None, None)(PAGE_OF_ONE, metadata=bearer(victim.token))


@pytest.mark.prove
def test_settings_bound_calls_and_connections_and_switch_reflection_off(
    billing: Acme, tmp_path: Path
) -> None:
    bounds = {"GRPC_CALLS_PER_ADDRESS": "2", "GRPC_CONNECTIONS": "6", "GRPC_REFLECTION": "false"}
    with victim_of(billing, tmp_path, **bounds) as small:
        with attacker(small) as hostile, channel(small) as opened:
            for _ in range(5):
                hostile.head(LIST, credentials(small, "valid"))
            eventually(lambda: hostile.ended == 3, "three of five calls are refused")
            with pytest.raises(grpc.RpcError) as unknown:
                next(iter(opened.stream_stream(REFLECTION, None, None)(iter([b""]), timeout=5)))
            assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
        with ExitStack() as stack:
            many = [stack.enter_context(attacker(small)) for _ in range(12)]
            eventually(lambda: sum(each.closed.is_set() for each in many) >= 6, "six are refused")
        with channel(small) as opened:
            opened.unary_unary(LIST, None, None)(
                PAGE_OF_ONE, metadata=bearer(small.token), wait_for_ready=True
            )


@pytest.mark.prove
def test_reflection_that_is_not_read_ends_and_is_free_again(victim: Victim) -> None:
    """Each stream asks for a list and reads no answer; both threads of reflection are held for half a minute."""
    asked = b"\x3a\x01*"
    with attacker(victim, window=0) as hostile, channel(victim) as opened:
        for _ in range(8):
            hostile.message(hostile.head(REFLECTION), asked, end=False)
        time.sleep(1)
        ask = opened.stream_stream(REFLECTION, None, None)
        end = time.monotonic() + 100
        while True:
            try:
                next(iter(ask(iter([asked]), timeout=5)))
            except grpc.RpcError:
                assert time.monotonic() < end
                time.sleep(1)
            else:
                break


@pytest.mark.prove
@pytest.mark.parametrize("token", ["none", "valid"])
def test_a_burst_of_heads_on_many_connections_fails_no_call_of_others(victim: Victim, token: str) -> None:
    """More heads at once than gRPC's core keeps waiting by itself, before it cancels calls at random, whoever made them."""

    def burst() -> None:
        with ExitStack() as stack:
            for _ in range(12):
                hostile = stack.enter_context(attacker(victim))
                with suppress(OSError):
                    for _ in range(300):
                        hostile.head(LIST, credentials(victim, token))
            time.sleep(0.5)

    with stranger(victim) as somebody, somebody.watching() as seen:
        for _ in range(4):
            burst()
    assert {name: each.errors for name, each in seen.items() if each.errors} == {}


def drip(victim: Victim, hostile: Attacker) -> None:
    """Messages that come a byte at a time."""
    streams = [hostile.head(LIST, credentials(victim, "valid")) for _ in range(30)]
    for _ in range(10):
        for stream in streams:
            hostile.data(stream, b"\x00")
        time.sleep(0.2)


def reset(victim: Victim, hostile: Attacker) -> None:
    """Calls that are cancelled as soon as they are begun (CVE-2023-44487)."""
    end = time.monotonic() + HELD_SECONDS
    while time.monotonic() < end:
        for _ in range(50):
            hostile.reset(hostile.head(LIST, credentials(victim, "valid")))
        time.sleep(0.005)


def reset_whole(victim: Victim, hostile: Attacker) -> None:
    """Calls that are cancelled as soon as they are complete."""
    end = time.monotonic() + HELD_SECONDS
    while time.monotonic() < end:
        for _ in range(50):
            stream = hostile.head(LIST, credentials(victim, "valid"))
            hostile.message(stream, PAGE_OF_ONE)
            hostile.reset(stream)
        time.sleep(0.005)


def ping(_: Victim, hostile: Attacker) -> None:
    """Pings without a pause."""
    end = time.monotonic() + HELD_SECONDS
    while time.monotonic() < end:
        hostile.ping()


def metadata(victim: Victim, hostile: Attacker) -> None:
    """Heads of 100 kB."""
    end = time.monotonic() + HELD_SECONDS
    while time.monotonic() < end:
        hostile.head(LIST, {**credentials(victim, "forged"), "x-large": "a" * 100_000})


def bomb(victim: Victim, hostile: Attacker) -> None:
    """Messages of half a megabyte that unpack to half a gigabyte."""
    packed = gzip.compress(bytes(512 * 1024 * 1024), 1)[:900_000]
    for _ in range(20):
        stream = hostile.head(LIST, {**credentials(victim, "valid"), "grpc-encoding": "gzip"})
        hostile.message(stream, packed, compressed=True)


def silent(victim: Victim, hostile: Attacker) -> None:
    """Connections that send nothing, or one head."""
    del hostile
    with ExitStack() as stack:
        for number in range(300):
            if number % 2:
                address = ("127.0.0.1", victim.deployment.grpc_port)
                stack.enter_context(socket.create_connection(address, 10, ("127.0.0.2", 0)))
            else:
                stack.enter_context(attacker(victim)).head(LIST, credentials(victim, "valid"))
        time.sleep(HELD_SECONDS)


@pytest.mark.prove
@pytest.mark.parametrize("attack", [drip, reset, reset_whole, ping, metadata, bomb, silent])
def test_a_stranger_does_not_notice(victim: Victim, attack: Callable[[Victim, Attacker], None]) -> None:
    with stranger(victim) as somebody, attacker(victim) as hostile, somebody.unharmed():
        with suppress(OSError):  # the server may hang up on the attacker
            attack(victim, hostile)
        time.sleep(0.5)
