"""Synchronous gRPC client: forwards the caller's token and deadline, repeats idempotent calls, and bounds its waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from grpc_health.v1.health import SERVICE_NAME
from grpc_health.v1.health_pb2 import HealthCheckRequest

from aether_adapters.grpc.connections import CONNECTIONS, Connection, Connections
from aether_adapters.grpc.hedging import hedged
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
    was_answered,
)
from aether_adapters.grpc.tls import channel_credentials
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.retry_budget import RetryBudget
from aether_adapters.kernel.tls import NO_TLS, TlsFiles
from aether_adapters.observability.neighbours import watched

Request = TypeVar("Request")
Response = TypeVar("Response")

_Invoke: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
_CHECK: Final = f"/{SERVICE_NAME}/Check"
_CHECK_REQUEST: Final = HealthCheckRequest().SerializeToString()
_Connection: TypeAlias = Connection[grpc.Channel, _Invoke]


class Channel:
    """Connections to a service at `target` (`host:port` or any gRPC target), shared by all threads.

    Calls are spread over the addresses of a DNS name, and over several connections to each. `token` returns this
    process's own token; without it the token of the request being served is forwarded, beside `service_token`: this
    process's own, by which it vouches for the caller (see `metadata.SERVICE_AUTHORIZATION`). A call takes at most
    `timeout` seconds and at most what is left of the deadline. While the server is unreachable, calls raise `Unavailable`
    at once and the channel reconnects by itself. With `tls` it verifies the server's certificate and connects again when
    the files have changed; without, it speaks plain text. Idempotent calls that reach no server are made once more, a
    tenth of all calls at most.

    With `hedge_seconds` an idempotent call that takes longer is made a second time on another connection, within the same
    tenth, and the first answer wins.

    With `places` the target is a `Neighbour`: so many calls wait for it, and none while it fails or takes `slow_seconds`.
    """

    def __init__(
        self,
        target: str,
        *,
        token: Callable[[], str] | None = None,
        service_token: Callable[[], str] | None = None,
        timeout: float = 5.0,
        tls: TlsFiles = NO_TLS,
        places: int | None = None,
        slow_seconds: float = 1.0,
        connections: int = CONNECTIONS,
        hedge_seconds: float = 0.0,
    ) -> None:
        """Connect to nothing yet. Raises `ValueError` if a file of `tls` cannot be used."""
        self._target = target
        self._token = token_source(token)
        self._service_token = service_token or no_token
        self._timeout = timeout
        self._credentials = channel_credentials(target, tls)
        self._connections_count = connections
        self._hedge_seconds = hedge_seconds
        self._budget = RetryBudget()
        self._guard = threading.Lock()
        self._closed = False
        self._open()
        if self._credentials is not None:
            self._credentials.when_changed(self._renew)
        self._neighbour = (
            None
            if places is None
            else watched(
                target, places=places, slow_seconds=slow_seconds, probe=lambda: self._look(slow_seconds)
            )
        )

    def bind(self, method: Method[Request, Response], /) -> Callable[[Request], Response]:
        """Return a function that calls `method`.

        It raises `RemoteError` with the server's problem, `Unavailable` if no server answered or it is not worth asking,
        `DeadlineExceeded` if time ran out, and `RuntimeError` for a response that breaks the contract.
        """
        encode, read = method.request.to_wire, reader(method)
        strip = caller_stripper(method)
        attempts = ATTEMPTS if method.idempotent else 1
        token, service_token, timeout = self._token, self._service_token, self._timeout
        path, budget, ask, secure = method.path, self._budget, self._ask, self._credentials is not None
        audited = bool(method.audit)
        hedges = method.idempotent and self._hedge_seconds > 0

        def call(request: Request, /) -> Response:
            data = encode(strip(request))
            metadata = outgoing(token(), service_token(), audited=audited)
            deadline = time.monotonic() + remaining(timeout)
            attempt = 1
            budget.earn()
            while True:
                try:
                    return read(ask(path, data, deadline, metadata, hedges=hedges))
                except grpc.RpcError as failure:
                    error = translated(failure, self._target, secure=secure)
                    pause = pause_before(attempt, attempts, error, deadline, budget)
                    if pause is None:
                        raise error from failure
                time.sleep(pause)
                attempt += 1

        return call

    def _ask(
        self,
        path: str,
        data: bytes,
        deadline: float,
        metadata: tuple[tuple[str, str], ...],
        *,
        hedges: bool,
    ) -> bytes:
        """Make one call, if the neighbour may be asked."""
        neighbour = self._neighbour
        out = None if neighbour is None else neighbour.enter()
        answered: bool | None = True
        try:
            if hedges:
                return self._invoke_hedged(path, data, deadline, metadata)
            return self._invoke(path, data, deadline - time.monotonic(), metadata)
        except grpc.RpcError as failure:
            answered = was_answered(failure)
            raise
        finally:
            if neighbour is not None and out is not None:
                neighbour.leave(out, accepted=answered)

    def _invoke(
        self, path: str, data: bytes, seconds: float, metadata: tuple[tuple[str, str], ...] | None
    ) -> bytes:
        connections = self._connections
        number = connections.take()
        try:
            return connections.all[number].invoker(path)(data, timeout=seconds, metadata=metadata)
        finally:
            connections.give_back(number)

    def _invoke_hedged(
        self, path: str, data: bytes, deadline: float, metadata: tuple[tuple[str, str], ...]
    ) -> bytes:
        connections, taken = self._connections, list[int]()

        def begin() -> Any:
            number = connections.take()
            taken.append(number)
            invoke = connections.all[number].invoker(path)
            return invoke.future(data, timeout=deadline - time.monotonic(), metadata=metadata)

        try:
            return hedged(begin, self._hedge_seconds, deadline, self._budget.spend)
        finally:
            for number in taken:
                connections.give_back(number)

    def check_health(self, seconds: float) -> bytes:
        """Ask the server's health service within `seconds`; return the encoded `HealthCheckResponse`.

        Raises `grpc.RpcError`. The bounds of other calls do not apply.
        """
        return self._invoke(_CHECK, _CHECK_REQUEST, seconds, None)

    def _look(self, seconds: float) -> None:
        """Raise `grpc.RpcError` unless the server answers anything within `seconds`."""
        try:
            self.check_health(seconds)
        except grpc.RpcError as failure:
            if not was_answered(failure):
                raise

    def _open(self) -> None:
        target = endpoint(self._target)
        credentials = None if self._credentials is None else self._credentials.current

        def open_one() -> _Connection:
            channel = (
                grpc.insecure_channel(target, OPTIONS)
                if credentials is None
                else grpc.secure_channel(target, credentials, OPTIONS)
            )
            return Connection(channel, lambda path: channel.unary_unary(path, None, None))

        self._connections = Connections(open_one, self._connections_count)

    def _renew(self) -> None:
        """Connect again with the new certificates; let the calls on the old connections end."""
        with self._guard:
            if self._closed:
                return
            old = self._connections
            self._open()
        closing = threading.Timer(self._timeout, _close, [old])
        closing.daemon = True
        closing.start()

    def close(self) -> None:
        """Cancel running calls and disconnect."""
        with self._guard:
            self._closed = True
        _close(self._connections)

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _close(connections: Connections[_Connection]) -> None:
    for each in connections.all:
        each.channel.close()
