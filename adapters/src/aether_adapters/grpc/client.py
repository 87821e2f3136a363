"""Synchronous gRPC client: forwards the caller's token and deadline, and retries idempotent methods."""

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


class Channel:
    """A connection to a service at `target` (`host:port` or any gRPC target), shared by all threads.

    Calls are spread round robin over the addresses of a DNS name. `token` returns this process's own token;
    without it the token of the request being served is forwarded. A call takes at most `timeout` seconds and
    at most what is left of the deadline. While the server is unreachable, calls raise `Unavailable` at once
    and the channel reconnects by itself. Idempotent methods are tried up to three times.
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
        """Return a function that calls `method`.

        It raises `RemoteError` with the server's problem, `Unavailable` if no server answered,
        `DeadlineExceeded` if time ran out, and `RuntimeError` for a response that breaks the contract.
        """
        invoke: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            method.path, None, None
        )
        encode, read = method.request.to_wire, reader(method)
        strip = caller_stripper(method)
        attempts = ATTEMPTS if method.idempotent else 1
        token, timeout = self._token, self._timeout

        def call(request: Request, /) -> Response:
            data = encode(strip(request))
            metadata = outgoing(token())
            deadline = time.monotonic() + remaining(timeout)
            attempt = 1
            while True:
                try:
                    return read(invoke(data, timeout=deadline - time.monotonic(), metadata=metadata))
                except grpc.RpcError as failure:
                    error = translated(failure)
                    pause = pause_before(attempt, attempts, error, deadline)
                    if pause is None:
                        raise error from failure
                time.sleep(pause)
                attempt += 1

        return call

    def close(self) -> None:
        """Cancel running calls and disconnect."""
        self._channel.close()

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
