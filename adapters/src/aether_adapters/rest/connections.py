"""The connections of one server: how long each may wait for its client, and which gives way when there are too many.

One periodic sweep looks at all of them. A timer for each request, set and cancelled a millisecond later, would cost
more than everything else here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from prometheus_client import Counter, Gauge

NEW: Final = 0
"""Nothing has come yet; on TLS, the handshake."""
IDLE: Final = 1
"""Every request is answered, and the next one has not begun."""
HEAD: Final = 2
"""The head of a request has begun."""
BODY: Final = 3
"""Its head is complete, its body is not."""
ANSWERING: Final = 4
"""The newest request is complete; its response is not."""
REFUSED: Final = 5
"""The connection ends: what still comes is dropped, so that the client can read why."""

_LINGER_SECONDS: Final = 1.0
_SWEEP_EVERY: Final = 5
_TICK_SECONDS: Final = 0.5
_CROWD_SHARE: Final = 64
"""An address stands out with this part of all connections."""
_EVICTED_SHARE: Final = 8
"""The part of such an address's connections that gives way at once."""

_OPEN: Final = Gauge("aether_http_connections", "Open connections of an HTTP server.", ["server"])
_ENDED: Final = Counter(
    "aether_http_connections_ended", "Connections that an HTTP server ended, by reason.", ["server", "reason"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What a client of an HTTP server may send, hold and leave unread. Sizes are in bytes, times in seconds."""

    head_bytes: int = 64 * 1024
    """The largest head of a request: request line and header fields."""
    head_fields: int = 100
    """The most fields of one head, and of one trailer."""
    head_seconds: float = 10.0
    """From the first byte of a head to its last, and from the opening of a connection to its first request."""
    idle_seconds: float = 75.0
    """From a response to the next request on the same connection."""
    body_seconds: float = 30.0
    """From the end of a head to the end of its body."""
    write_seconds: float = 30.0
    """How long a client may leave written data unread."""
    connections: int = 4096
    """The most connections at once."""


class Client(Protocol):
    """A connection as `Connections` sees it."""

    group: str
    phase: int
    since: float
    """When the phase began, on `Connections.now`."""
    unread_since: float
    """When written data began to wait for the client, on the same clock; 0 if none waits."""

    def unread(self) -> int:
        """Return how many written bytes the client has yet to take."""
        ...

    def expire(self) -> None:
        """End the connection, because its client took too long."""
        ...

    def evict(self) -> None:
        """End the connection at once."""
        ...


class Connections:
    """All connections of one server. Use it from that server's event loop only."""

    def __init__(self, limits: ConnectionLimits, server: str) -> None:
        """`server` names it in metrics."""
        self.limits = limits
        self.now = 0.0
        """Seconds in which this server could serve: what it spent blocked or stopped is no client's fault."""
        self.server = server
        self.draining = False
        """Whether the server is about to stop: each response then asks its client to connect again, elsewhere."""
        self._ticks = 0
        self._ticked = monotonic()
        self._count = 0
        self._groups: dict[str, dict[Client, None]] = {}
        self._open = _OPEN.labels(server)
        self._allowed_seconds = {
            NEW: limits.head_seconds,
            IDLE: limits.idle_seconds,
            HEAD: limits.head_seconds,
            BODY: limits.body_seconds,
            ANSWERING: math.inf,
            REFUSED: _LINGER_SECONDS,
        }

    def admit(self, client: Client) -> bool:
        """Add a connection, if need be in place of others. Return False if the server is at work on all of them."""
        if self._count >= self.limits.connections and not self._make_room():
            self.ended("full")
            return False
        self._groups.setdefault(client.group, {})[client] = None
        self._count += 1
        self._open.inc()
        return True

    def leave(self, client: Client) -> None:
        """Forget a connection that has ended; one that was not admitted is passed over."""
        group = self._groups.get(client.group)
        if group is None or client not in group:
            return
        del group[client]
        if not group:
            del self._groups[client.group]
        self._count -= 1
        self._open.dec()

    def ended(self, reason: str) -> None:
        """Count a connection that the server ends."""
        _ENDED.labels(self.server, reason).inc()

    def tick(self) -> None:
        """Advance the clock; every few times end the connections that have waited too long. Call it ten times a second."""
        at = monotonic()
        self.now += min(at - self._ticked, _TICK_SECONDS)
        self._ticked = at
        self._ticks += 1
        if self._ticks % _SWEEP_EVERY == 0:
            self._sweep()

    def _sweep(self) -> None:
        now, allowed, write_seconds = self.now, self._allowed_seconds, self.limits.write_seconds
        for client in [one for group in self._groups.values() for one in group]:
            if client.unread():
                if not client.unread_since:
                    client.unread_since = now
                elif now - client.unread_since > write_seconds:
                    self.ended("unread")
                    client.evict()
                continue
            client.unread_since = 0.0
            if now - client.since > allowed[client.phase]:
                client.expire()

    def _make_room(self) -> bool:
        """End some of the connections that wait for their client; return whether there were any.

        They are those of the address with the most connections, longest wait first: whoever takes all places loses
        them again. Where no address stands out, the longest wait decides alone. Several end at once, because looking
        for them costs more than ending them.
        """
        heaviest = max(self._groups.values(), key=len)
        everybody = (one for group in self._groups.values() for one in group)
        crowded = len(heaviest) * _CROWD_SHARE >= self._count
        candidates = (
            ((heaviest, len(heaviest) // _EVICTED_SHARE), (everybody, 1))
            if crowded
            else ((everybody, self._count // _CROWD_SHARE),)
        )
        for clients, most in candidates:
            waiting = sorted(
                (one for one in clients if one.phase != ANSWERING or one.unread()), key=lambda one: one.since
            )
            for client in waiting[: max(1, most)]:
                self.ended("evicted")
                self.leave(client)
                client.evict()
            if waiting:
                return True
        return False
