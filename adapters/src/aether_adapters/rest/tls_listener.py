"""Accepts TLS connections: bounds their handshakes, and shows each the certificate that is current when it opens.

A server of the event loop would keep the context it began with, and would not tell how many handshakes are under way.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from aether_adapters.kernel.addresses import counted_as
from aether_adapters.kernel.tls import refusal
from aether_adapters.rest.connection import HttpConnection
from aether_adapters.rest.connections import NEW, Connections

Context = Callable[[], ssl.SSLContext]
"""Returns the context for the next connection; see `ServerContext`."""

_ACCEPTED_AT_ONCE: Final = 64
_PAUSE_SECONDS: Final = 0.5
_SHUTDOWN_SECONDS: Final = 2.0
_DROPPED_BYTES: Final = 65536
"""Of a request in plain http: closing a socket with unread bytes would reset the connection, and lose the answer."""
_SPEAKS_TLS: Final = b"This port speaks TLS: begin the address with https://\n"
_ANSWER: Final = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%s" % (len(_SPEAKS_TLS), _SPEAKS_TLS)
)
"""As nginx answers plain http on a port for TLS."""
_NO_CERTIFICATE: Final = "PEER_DID_NOT_RETURN_A_CERTIFICATE"
_LOG: Final = structlog.get_logger("aether.http")


class TlsListener:
    """Takes the place of an asyncio server: `close`, then `wait_closed`."""

    def __init__(
        self,
        listener: socket.socket,
        context: Context,
        connection: Callable[[], HttpConnection],
        connections: Connections,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`connection` makes the protocol of each client, which joins `connections` once its handshake is complete."""
        self._listener = listener
        self._context = context
        self._connection = connection
        self._connections = connections
        self._loop = loop
        self._handshakes: set[asyncio.Task[None]] = set()
        self._closed = False
        self._explain_at = 0.0
        self._listen()

    def close(self) -> None:
        """Accept no more, and end the handshakes."""
        self._closed = True
        self._loop.remove_reader(self._listener.fileno())
        for handshake in self._handshakes:
            handshake.cancel()

    async def wait_closed(self) -> None:
        """Wait until the handshakes have ended."""
        if self._handshakes:
            await asyncio.wait(self._handshakes)

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                client, peer = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:  # out of files or memory: accepting again at once would spin
                _LOG.warning("no connection accepted", reason=str(error), pause_seconds=_PAUSE_SECONDS)
                self._loop.remove_reader(self._listener.fileno())
                self._loop.call_later(_PAUSE_SECONDS, self._listen)
                return
            client.setblocking(False)
            handshake = _Handshake(counted_as(str(peer[0])), self._connections)
            if not self._connections.admit(handshake):
                client.close()
                continue
            handshake.task = task = self._loop.create_task(self._shake_hands(client, handshake))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, client: socket.socket, handshake: _Handshake) -> None:
        def connection() -> HttpConnection:
            made = self._connection()
            made.handshake = handshake
            return made

        try:
            if await self._is_plain_http(client):
                raise _PlainHttp
            await self._loop.connect_accepted_socket(
                connection,
                client,
                ssl=self._context(),
                ssl_handshake_timeout=self._connections.limits.head_seconds,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
            )
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError and TimeoutError are OSErrors
            self._connections.ended("tls-handshake")
            self._explain(error, handshake)
            if isinstance(error, _PlainHttp):
                with suppress(OSError):  # it has gone
                    client.recv(_DROPPED_BYTES)
                    client.send(_ANSWER)
                    client.shutdown(socket.SHUT_WR)
            client.close()
        finally:
            self._connections.leave(handshake)

    async def _is_plain_http(self, client: socket.socket) -> bool:
        """Wait until the client has sent something; return whether it begins like a request and not like TLS."""
        arrived = self._loop.create_future()
        self._loop.add_reader(client.fileno(), _resolve, arrived)
        try:
            await arrived
        finally:
            self._loop.remove_reader(client.fileno())
        return client.recv(1, socket.MSG_PEEK).isalpha()

    def _explain(self, error: BaseException, handshake: _Handshake) -> None:
        """Log why a client's certificate was refused, at most once a second: anybody can cause these lines."""
        if isinstance(error, ssl.SSLError) and error.reason == _NO_CERTIFICATE:
            reason: str | None = "The client showed no certificate."
        else:
            reason = refusal("the client", error)
        if reason is not None and self._connections.now >= self._explain_at:
            self._explain_at = self._connections.now + 1.0
            _LOG.info("client refused", client=handshake.group, reason=reason)


class _PlainHttp(OSError):
    """The client speaks plain http."""


def _resolve(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


class _Handshake:
    """A client whose handshake is under way, as `Connections` sees it."""

    phase = NEW
    unread_since = 0.0

    def __init__(self, group: str, connections: Connections) -> None:
        self.group = group
        self.since = connections.now
        self.task: asyncio.Task[None] | None = None

    def unread(self) -> int:
        """Return 0: what a handshake writes is little."""
        return 0

    def expire(self) -> None:
        """End it."""
        self.evict()

    def evict(self) -> None:
        """End it."""
        if self.task is not None:
            self.task.cancel()
