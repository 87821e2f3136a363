"""The synchronous client: a warm channel that forwards who asks and how long they will wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

import grpc

from aether_adapters.grpc.metadata import outgoing
from aether_adapters.grpc.method import Method
from aether_adapters.grpc.retry import (
    ATTEMPTS,
    OPTIONS,
    emptier,
    endpoint,
    pause_before,
    reader,
    token_source,
    translated,
)
from aether_adapters.kernel.deadline import remaining

Request = TypeVar("Request")
Response = TypeVar("Response")


class Channel:
    """A connection to a service at `target` (`host:port`, or any gRPC target), shared by all threads.

    DNS names are balanced round robin over their addresses. `token` is where this process's own token comes
    from; without it the token of the request being served is forwarded. `timeout` (seconds) bounds a call,
    and so does what is left of the deadline. While the server is away calls fail at once with `Unavailable`;
    the channel connects again by itself. Methods marked idempotent are tried up to three times.
    """

    def __init__(
        self,
        target: str,
        *,
        token: Callable[[], str] | None = None,
        timeout: float = 5.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._token = token_source(token)
        self._timeout = timeout
        self._channel = (
            grpc.insecure_channel(endpoint(target), OPTIONS)
            if credentials is None
            else grpc.secure_channel(endpoint(target), credentials, OPTIONS)
        )

    def bind(self, method: Method[Request, Response], /) -> Callable[[Request], Response]:
        """A function that calls `method`.

        It raises `RemoteError` with the server's problem, `Unavailable` when no server answered and
        `DeadlineExceeded` when time ran out; `RuntimeError` for an answer that breaks the contract.
        """
        invoke: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            method.path, None, None
        )
        encode, read = method.request.to_wire, reader(method)
        strip = emptier(method)
        attempts = ATTEMPTS if method.idempotent else 1
        token, timeout = self._token, self._timeout

        def call(request: Request, /) -> Response:
            data = encode(strip(request))
            metadata = outgoing(token())
            ends = time.monotonic() + remaining(timeout)
            attempt = 1
            while True:
                try:
                    return read(invoke(data, timeout=ends - time.monotonic(), metadata=metadata))
                except grpc.RpcError as failure:
                    error = translated(failure)
                    pause = pause_before(attempt, attempts, error, ends)
                    if pause is None:
                        raise error from failure
                time.sleep(pause)
                attempt += 1

        return call

    def close(self) -> None:
        """Cancel what is in flight and disconnect."""
        self._channel.close()

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
