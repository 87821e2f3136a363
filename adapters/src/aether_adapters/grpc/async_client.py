"""Asyncio gRPC client, for gateways: the calls of `client.Channel`, awaited.

Uses grpc.aio, the cheapest of the measured options (docs/adr/0003).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import grpc.aio

from aether_adapters.grpc.metadata import outgoing
from aether_adapters.grpc.method import Method
from aether_adapters.grpc.retry import (
    ATTEMPTS,
    OPTIONS,
    caller_stripper,
    endpoint,
    pause_before,
    reader,
    token_source,
    translated,
)
from aether_adapters.kernel.deadline import remaining

Request = TypeVar("Request")
Response = TypeVar("Response")

_Invoke = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


class AsyncChannel:
    """A connection to a service at `target`, shared by all tasks of one event loop.

    Options and errors are those of `Channel`. It connects at the first call, within the calling event loop,
    so a composition root can build it before a loop exists.
    """

    def __init__(
        self,
        target: str,
        *,
        token: Callable[[], str] | None = None,
        timeout: float = 5.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._target = endpoint(target)
        self._token = token_source(token)
        self._timeout = timeout
        self._credentials = credentials
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: grpc.aio.Channel | None = None
        self._invokers: dict[str, _Invoke] = {}

    def bind(self, method: Method[Request, Response], /) -> Callable[[Request], Awaitable[Response]]:
        """Return an async function that calls `method`; it raises the errors of `Channel.bind`'s."""
        path, encode, read = method.path, method.request.to_wire, reader(method)
        strip = caller_stripper(method)
        attempts = ATTEMPTS if method.idempotent else 1
        token, timeout, invoker = self._token, self._timeout, self._invoker

        async def call(request: Request, /) -> Response:
            data = encode(strip(request))
            metadata = outgoing(token())
            left = remaining(timeout)
            deadline = time.monotonic() + left
            attempt = 1
            while True:
                try:
                    return read(await invoker(path)(data, timeout=left, metadata=metadata))
                except grpc.aio.AioRpcError as failure:
                    error = translated(failure)
                    pause = pause_before(attempt, attempts, error, deadline)
                    if pause is None:
                        raise error from failure
                await asyncio.sleep(pause)
                left = deadline - time.monotonic()
                attempt += 1

        return call

    def _invoker(self, path: str) -> _Invoke:
        if self._loop is not asyncio.get_running_loop():
            self._connect()
        invoke = self._invokers.get(path)
        if invoke is None:
            assert self._channel is not None  # noqa: S101 # connected above
            invoke = self._invokers[path] = self._channel.unary_unary(path, None, None)
        return invoke

    def _connect(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._invokers = {}
        self._channel = (
            grpc.aio.insecure_channel(self._target, OPTIONS)
            if self._credentials is None
            else grpc.aio.secure_channel(self._target, self._credentials, OPTIONS)
        )

    async def close(self) -> None:
        """Cancel running calls and disconnect; the next call connects again."""
        channel, self._channel, self._loop = self._channel, None, None
        if channel is not None:
            await channel.close(None)
