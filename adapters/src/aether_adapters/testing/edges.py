"""Serves one service in this process and calls it in three ways: over REST, over REST through a gateway, over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final, Generic, Protocol, TypeVar

import httpx

from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.auth.grants import ANY, Grant
from aether_adapters.auth.key_sets import KeySet, Source
from aether_adapters.auth.tokens import Issuer, Verifier
from aether_adapters.grpc import AsyncChannel, Channel, Server
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest import Limits, Offload, RestApp, build_app, serve
from aether_adapters.service.assembly import GrpcModule, RestModule, ThreadsModule

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
S = TypeVar("S")

_ISSUER: Final = "tests"
_AUDIENCE: Final = "aether"
_START_SECONDS: Final = 10


class GrpcClientModule(GrpcModule[S, A_co], Protocol[S, A_co]):
    """The module of a `GrpcModule`, whose client for threads is used here too."""

    def client(self, channel: Channel, /) -> S:
        """The port as a client at the other end of `channel`."""
        ...


class ServedEdges(Generic[S]):
    """A service that is being served, and its callers. Clients close with it."""

    def __init__(
        self,
        stack: ExitStack,
        *,
        issuer: Issuer,
        verify: Verifier,
        grpc_target: str,
        client: Callable[[Channel], S],
        rest: RestApp,
        gateway: Callable[[], RestApp],
    ) -> None:
        self.verify: Final = verify
        """The verifier of tokens that all of its edges use."""
        self._stack = stack
        self._issuer = issuer
        self._grpc_target = grpc_target
        self._client = client
        self._rest_url = _served(stack, rest)
        self._gateway = gateway
        self._gateway_url = ""

    def token(self, subject: str, *roles: str, service: bool = False) -> str:
        """Issue an access token to a user with these roles, or to a service."""
        return self._issuer.issue(subject, roles, service=service)

    def rest(self, token: str = "") -> httpx.Client:
        """Open a REST client that sends `token`, or none, with each request."""
        return self._http(self._rest_url, token)

    def gateway(self, token: str = "") -> httpx.Client:
        """Open a REST client of a gateway, which calls the service over gRPC. The first call starts it."""
        self._gateway_url = self._gateway_url or _served(self._stack, self._gateway())
        return self._http(self._gateway_url, token)

    def stub(self, token: str = "") -> S:
        """Open a gRPC client that sends `token`, or none, with each call."""
        channel = Channel(self._grpc_target, token=(lambda: token) if token else None)
        return self._client(self._stack.enter_context(channel))

    def _http(self, url: str, token: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=url, headers=headers)
        self._stack.callback(client.close)
        return client


@contextmanager
def serve_edges(
    service: S,
    folder: Path,
    *,
    rest: RestModule[A],
    grpc: GrpcClientModule[S, A],
    threads: ThreadsModule[S, A],
    errors: ErrorTable,
    limits: Limits | None = None,
    published_keys: Callable[[], bytes] | None = None,
) -> Iterator[ServedEdges[S]]:
    """Serve `service` on free ports, with the generated modules of its contracts; keys for tokens go to `folder`.

    `limits` are those of all its edges, and `published_keys` reads a key set that is trusted too.
    """
    pair = DevelopmentKeys(folder).ensure()
    sources = [Source("tests", pair.jwks.read_bytes, Grant(services=ANY))]
    if published_keys is not None:
        sources.append(Source("published", published_keys))
    verify = Verifier(KeySet(*sources, pause_seconds=0.0), _ISSUER, _AUDIENCE)
    health = Health({})
    issuer = Issuer(pair.private_key, _ISSUER, _AUDIENCE, pair.kid)

    def vouching() -> str:
        return issuer.issue("gateway", service=True)

    def app(behind: A) -> RestApp:
        return build_app(
            rest.CONTRACT, rest.operations(behind), errors=errors, verify=verify, health=health, limits=limits
        )

    server = Server(
        [grpc.service(service)],
        errors=errors,
        verify=verify,
        health=health,
        address="127.0.0.1:0",
        limits=limits,
    )
    with ExitStack() as stack:
        server.start()
        stack.callback(server.stop)
        target = f"127.0.0.1:{server.port}"
        yield ServedEdges(
            stack,
            issuer=issuer,
            verify=verify,
            grpc_target=target,
            client=grpc.client,
            rest=app(threads.in_threads(service, Offload(threads=8, queue=100))),
            gateway=lambda: app(grpc.async_client(AsyncChannel(target, service_token=vouching))),
        )


def _served(stack: ExitStack, app: RestApp) -> str:
    """Serve `app` in a thread until the stack closes. Return its URL."""
    stop, started = Event(), SimpleQueue[int]()
    thread = Thread(target=serve, args=(app, "127.0.0.1", 0, stop), kwargs={"started": started.put})
    thread.start()
    stack.callback(thread.join)
    stack.callback(stop.set)
    return f"http://127.0.0.1:{started.get(timeout=_START_SECONDS)}"
