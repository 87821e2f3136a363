"""Tests of a lane: its threads, its queue, and its bounds for calls without a message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import grpc
from aether_adapters.grpc.lane import Lane
from aether_adapters.grpc.peer import address_of
from aether_adapters.grpc.refusal import Refusal
from aether_adapters.grpc.rpc_call import RpcCall
from aether_adapters.kernel.criticality import Criticality
from aether_adapters.testing.waiting import eventually

BUSY = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
LATE = Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "late")


class Call:
    """A call as a lane sees it; its message arrives when `arrive` is called."""

    def __init__(self, work: Callable[[], object] = lambda: None) -> None:
        self.since = time.monotonic()
        self.refused: list[Refusal] = []
        self.criticality = Criticality.CRITICAL
        self.behaviour = "work"
        self.lane: Any = None
        self._work = work

    def receive(self, lane: Any) -> None:
        self.lane = lane

    def arrive(self) -> None:
        self.lane.arrived(cast("RpcCall", self))

    def take_message(self) -> bool:
        return True

    def refuse(self, refusal: Refusal) -> None:
        self.refused.append(refusal)

    def leave(self) -> None:
        pass

    def run(self) -> bool:
        self._work()
        return True


@contextmanager
def lane(**bounds: Any) -> Iterator[Lane]:
    made = Lane(**{"name": "test", "threads": 1, "queue": 1, "busy": BUSY, "late": LATE, **bounds})
    yield made
    made.stop()


def begin(lane: Lane, call: Call) -> Call:
    lane.begin(cast("RpcCall", call))
    return call


def begin_whole(lane: Lane, call: Call) -> Call:
    """Begin a call whose message comes with its head."""
    begin(lane, call)
    if call.lane is not None:
        call.arrive()
    return call


def admits(lane: Lane) -> bool:
    return lane.admits(cast("RpcCall", Call()))


def test_a_lane_is_full_when_threads_and_queue_are() -> None:
    with lane() as made:
        gate = threading.Event()
        running, queued = (begin_whole(made, Call(gate.wait)) for _ in range(2))
        assert not admits(made)
        refused = begin_whole(made, Call())
        assert (running.refused, queued.refused, refused.refused) == ([], [], [BUSY])
        gate.set()
        eventually(lambda: admits(made))


def test_a_message_that_arrives_at_a_full_lane_is_refused() -> None:
    """The lane had room when the head arrived."""
    with lane(queue=0) as made:
        gate = threading.Event()
        slow = begin(made, Call())
        begin_whole(made, Call(gate.wait))
        slow.arrive()
        assert slow.refused == [BUSY]
        gate.set()


def test_a_failed_call_frees_its_thread_and_its_place_in_the_queue() -> None:
    def fail() -> None:
        raise RuntimeError("not for the log of a test")

    with lane(queue=0) as made:
        for _ in range(3):
            assert begin_whole(made, Call(fail)).refused == []
            eventually(lambda: admits(made))


def test_calls_without_a_message_take_no_capacity_and_the_oldest_gives_way() -> None:
    with lane(half_open=2) as made:
        calls = [begin(made, Call()) for _ in range(3)]
        assert admits(made)
        assert [call.refused for call in calls] == [[BUSY], [], []]
        calls[0].arrive()
        assert calls[0].refused == [BUSY]


def test_a_call_is_refused_once_its_message_is_overdue() -> None:
    with lane(message_seconds=1.0) as made:
        call = begin(made, Call())
        made.expire(call.since + 0.9)
        assert call.refused == []
        made.expire(call.since + 1.1)
        assert call.refused == [LATE]
        call.arrive()
        assert admits(made)


def test_a_stream_is_cut_off_when_it_is_too_old() -> None:
    with lane(stream_seconds=1.0) as made:
        gate = threading.Event()
        stream = begin(made, Call(gate.wait))
        made.expire(stream.since + 1.1)
        assert stream.refused == [LATE]
        gate.set()


def test_a_stopped_lane_runs_queued_calls_and_ends_its_threads() -> None:
    ran: list[int] = []
    with lane(name="ending", threads=3, queue=20) as made:
        for number in range(20):
            begin_whole(made, Call(lambda number=number: ran.append(number)))  # type: ignore[misc]
    eventually(lambda: not any(thread.name.startswith("ending-") for thread in threading.enumerate()))
    assert sorted(ran) == list(range(20))


def test_an_address_is_read_from_grpcs_name_of_a_peer() -> None:
    assert address_of("ipv4:192.0.2.1:5000") == "192.0.2.1"
    assert address_of("ipv6:%5B2001:db8::7%5D:4711") == "2001:db8::7"
    assert address_of("ipv6:%5B::ffff:192.0.2.1%5D:4711") == "192.0.2.1"
    assert address_of("ipv6:%5Bfe80::1%25eth0%5D:1") == "fe80::1"
    assert address_of("unix:/run/socket") == ""
