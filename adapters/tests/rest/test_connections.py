"""The connections of a server: who has waited too long, and who gives way."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import pytest
from aether_adapters.rest import ConnectionLimits
from aether_adapters.rest.connections import (
    ANSWERING,
    BODY,
    HEAD,
    IDLE,
    NEW,
    Connections,
)


@dataclass(eq=False)
class Client:
    """A connection that notes how it ended."""

    group: str = "1.2.3.4"
    phase: int = IDLE
    since: float = 0.0
    unread_since: float = 0.0
    left: int = 0
    fate: list[str] = field(default_factory=list)

    def unread(self) -> int:
        return self.left

    def expire(self) -> None:
        self.fate.append("expired")

    def evict(self) -> None:
        self.fate.append("evicted")


def sweep(connections: Connections, at: float) -> None:
    """Let the clock show `at`, and look at every connection."""
    connections.now = at
    for _ in range(5):
        connections.tick()


@pytest.mark.parametrize(
    ("phase", "seconds"), [(NEW, 1.0), (IDLE, 2.0), (HEAD, 1.0), (BODY, 3.0), (ANSWERING, math.inf)]
)
def test_each_phase_has_its_own_patience(phase: int, seconds: float) -> None:
    limits = ConnectionLimits(head_seconds=1.0, idle_seconds=2.0, body_seconds=3.0)
    connections = Connections(limits, "test")
    client = Client(phase=phase)
    connections.admit(client)
    sweep(connections, min(seconds, 1e6) - 0.1)
    assert client.fate == []
    sweep(connections, min(seconds, 1e6) + 0.1)
    assert client.fate == ([] if seconds == math.inf else ["expired"])


def test_a_client_that_does_not_read_is_evicted_and_one_that_reads_again_is_not() -> None:
    connections = Connections(ConnectionLimits(write_seconds=5.0), "test")
    deaf, slow = Client(phase=ANSWERING, left=1), Client(phase=ANSWERING, left=1)
    for client in (deaf, slow):
        connections.admit(client)
    sweep(connections, 10.0)
    slow.left = 0
    sweep(connections, 14.0)
    slow.left = 1
    sweep(connections, 16.0)
    assert (deaf.fate, slow.fate) == (["evicted"], [])


def test_the_time_in_which_the_server_stood_still_does_not_count() -> None:
    connections = Connections(ConnectionLimits(), "test")
    connections.tick()
    before = connections.now
    time.sleep(0.8)
    connections.tick()
    assert connections.now - before <= 0.5


def test_the_address_with_the_most_connections_gives_way_longest_wait_first() -> None:
    connections = Connections(ConnectionLimits(connections=4), "test")
    innocent = Client(group="innocent", since=0.0)
    crowd = [Client(group="crowd", since=float(since)) for since in (3, 2, 1)]
    for client in (innocent, *crowd):
        assert connections.admit(client)
    assert connections.admit(Client(group="new"))
    assert [client.fate for client in (innocent, *crowd)] == [[], [], [], ["evicted"]]


def test_a_connection_that_is_served_never_gives_way() -> None:
    connections = Connections(ConnectionLimits(connections=2), "test")
    served = [Client(phase=ANSWERING), Client(phase=ANSWERING)]
    for client in served:
        assert connections.admit(client)
    assert not connections.admit(Client())
    assert [client.fate for client in served] == [[], []]


def test_a_client_that_leaves_its_response_unread_gives_way() -> None:
    connections = Connections(ConnectionLimits(connections=2), "test")
    served, deaf = Client(phase=ANSWERING), Client(phase=ANSWERING, left=1, since=1.0)
    for client in (served, deaf):
        assert connections.admit(client)
    assert connections.admit(Client())
    assert (served.fate, deaf.fate) == ([], ["evicted"])


def test_many_addresses_with_one_connection_each_give_way_by_wait() -> None:
    connections = Connections(ConnectionLimits(connections=200), "test")
    clients = [Client(group=str(number), since=float(number)) for number in range(200)]
    for client in clients:
        connections.admit(client)
    assert connections.admit(Client(group="new"))
    assert [client.fate for client in clients] == [["evicted"]] * 3 + [[]] * 197
