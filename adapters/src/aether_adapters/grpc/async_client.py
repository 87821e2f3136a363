"""Asyncio gRPC client, for gateways: the calls of `client.Channel`, awaited.

Uses grpc.aio, the cheapest of the measured options (docs/adr/0003).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias, TypeVar

import grpc.aio

from aether_adapters.grpc.connections import CONNECTIONS, Connection, Connections
from aether_adapters.grpc.metadata import outgoing
from aether_adapters.grpc.method import Method
from aether_adapters.grpc.retry import (
    ATTEMPTS,
    OPTIONS,
    caller_stripper,
    endpoint,
    no_token,
    pause_before,
    reader,
    token_source,
    translated,
)
from aether_adapters.grpc.tls import channel_credentials
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.retry_budget import RetryBudget
from aether_adapters.kernel.tls import NO_TLS, TlsFiles

Request = TypeVar("Request")
Response = TypeVar("Response")

_Invoke = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
_Connection: TypeAlias = Connection[grpc.aio.Channel, _Invoke]


class AsyncChannel:
    """Connections to a service at `target`, shared by all tasks of one event loop.

    Options and errors are those of `Channel`. Calls that wait hold no thread, so any number of them may. It connects at
    the first call, within the calling event loop, so a composition root can build it before a loop exists.
    """

    def __init__(
        self,
        target: str,
        *,
        token: Callable[[], str] | None = None,
        service_token: Callable[[], str] | None = None,
        timeout: float = 5.0,
        tls: TlsFiles = NO_TLS,
        connections: int = CONNECTIONS,
    ) -> None:
        """Connect to nothing yet. Raises `ValueError` if a file of `tls` cannot be used."""
        self._target = target
        self._token = token_source(token)
        self._service_token = service_token or no_token
        self._timeout = timeout
        self._credentials = channel_credentials(target, tls)
        if self._credentials is not None:
            self._credentials.when_changed(self._renew)
        self._budget = RetryBudget()
        self._closing: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections_count = connections
        self._connections: Connections[_Connection] | None = None

    def bind(self, method: Method[Request, Response], /) -> Callable[[Request], Awaitable[Response]]:
        """Return an async function that calls `method`; it raises the errors of `Channel.bind`'s."""
        path, encode, read = method.path, method.request.to_wire, reader(method)
        strip = caller_stripper(method)
        attempts = ATTEMPTS if method.idempotent else 1
        audited = bool(method.audit)
        budget = self._budget
        token, service_token, timeout, ask = self._token, self._service_token, self._timeout, self._ask

        async def call(request: Request, /) -> Response:
            data = encode(strip(request))
            metadata = outgoing(token(), service_token(), audited=audited)
            left = remaining(timeout)
            deadline = time.monotonic() + left
            attempt = 1
            budget.earn()
            while True:
                try:
                    return read(await ask(path, data, left, metadata))
                except grpc.aio.AioRpcError as failure:
                    error = translated(failure, self._target, secure=self._credentials is not None)
                    pause = pause_before(attempt, attempts, error, deadline, budget)
                    if pause is None:
                        raise error from failure
                await asyncio.sleep(pause)
                left = deadline - time.monotonic()
                attempt += 1

        return call

    async def _ask(
        self, path: str, data: bytes, seconds: float, metadata: tuple[tuple[str, str], ...]
    ) -> bytes:
        connections = self._connections
        if connections is None or self._loop is not asyncio.get_running_loop():
            connections = self._connect()
        number = connections.take()
        try:
            return await connections.all[number].invoker(path)(data, timeout=seconds, metadata=metadata)
        finally:
            connections.give_back(number)

    def _connect(self) -> Connections[_Connection]:
        self._loop = asyncio.get_running_loop()
        target = endpoint(self._target)
        credentials = None if self._credentials is None else self._credentials.current

        def open_one() -> _Connection:
            channel = (
                grpc.aio.insecure_channel(target, OPTIONS)
                if credentials is None
                else grpc.aio.secure_channel(target, credentials, OPTIONS)
            )
            return Connection(channel, lambda path: channel.unary_unary(path, None, None))

        self._connections = Connections(open_one, self._connections_count)
        return self._connections

    def _renew(self) -> None:
        """Have the event loop connect again with the new certificates; another thread calls this."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it is closed, and its connections with it
                loop.call_soon_threadsafe(self._reconnect, loop)

    def _reconnect(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connect again; let the calls on the old connections end."""
        old = self._connections
        if old is None or loop is not self._loop:
            return
        self._connect()
        for each in old.all:
            closing = loop.create_task(each.channel.close(self._timeout))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Cancel running calls and disconnect; the next call connects again."""
        connections, self._connections, self._loop = self._connections, None, None
        if connections is not None:
            for each in connections.all:
                await each.channel.close(None)
