"""A contract and its operations, put together as one ASGI application on Connexion 3."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from connexion.http_facts import METHODS
from connexion.middleware import ConnexionMiddleware
from connexion.resolver import Resolver
from starlette.types import ASGIApp, Receive, Scope, Send

from aether_adapters.errors import ErrorTable
from aether_adapters.health import Health
from aether_adapters.identity import Verify
from aether_adapters.metrics import REQUESTS
from aether_adapters.rest.client import ClientAddress
from aether_adapters.rest.compiled import Edge
from aether_adapters.rest.deadlines import Deadlines
from aether_adapters.rest.documents import DocsMiddleware, healthz, metrics, nowhere, readyz
from aether_adapters.rest.door import Door
from aether_adapters.rest.limits import Limits
from aether_adapters.rest.operation import Operation
from aether_adapters.rest.router import RouterMiddleware


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOptions:
    """How an edge serves. Sizes are in bytes, times in seconds."""

    body_limit: int = 1024 * 1024
    deadline: float = 5.0
    """From a request's head to its answer; handed on to every SQL, Redis and gRPC call."""
    drain: float = 0.0
    """How long readiness says no before the listener closes, so that balancers look elsewhere first."""
    grace: float = 20.0
    """How long requests inside may take to finish once the listener is closed."""
    trusted_proxies: tuple[str, ...] = field(default=())
    """Addresses or networks whose X-Forwarded-For is believed."""
    request_id_header: str = "x-request-id"
    access_log: bool = True
    docs: bool = True
    """Whether to serve /docs and /openapi.json."""
    metrics: bool = True
    """Whether to serve /metrics."""


class RestApp(ConnexionMiddleware):  # type: ignore[misc]  # Connexion is untyped
    """The edge as an ASGI application; `serve` runs it."""

    def __init__(self, app: ASGIApp, *, health: Health, options: RestOptions, **kwargs: Any) -> None:
        self.health = health
        self.rest_options = options
        super().__init__(app, **kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the layers were built by `build_app`."""
        # Where it is set, Starlette, in Swagger UI, raises what it refuses, and the door answers it.
        scope["app"] = self
        await self.app(scope, receive, send)


def build_app(
    contract: Path,
    operations: Iterable[Operation],
    *,
    errors: ErrorTable,
    verify: Verify,
    health: Health,
    options: RestOptions | None = None,
    limits: Limits | None = None,
) -> RestApp:
    """The edge of one contract, compiled: whatever is wrong with contract or operations shows here.

    Raises `ValueError` where the contract's operations and those handed in are not the same, where the contract asks
    for something the edge does not serve, and Connexion's `InvalidSpecification` for a contract that is none.
    """
    options = options or RestOptions()
    document = yaml.load(contract.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    by_id = _matched(document, operations)
    edge = Edge(
        verify=verify,
        client_address=ClientAddress(options.trusted_proxies),
        body_limit=options.body_limit,
        deadlines=Deadlines(options.deadline),
        limits=limits or Limits(),
    )
    extra = {"/healthz": healthz(), "/readyz": readyz(health)}
    if options.metrics:
        extra["/metrics"] = metrics()
    door = partial(
        Door,
        errors=errors,
        series=REQUESTS.series(errors.domain),
        header=options.request_id_header,
        access_log=options.access_log,
    )
    app = RestApp(
        nowhere,
        health=health,
        options=options,
        middlewares=[
            door,
            partial(RouterMiddleware, extra=extra),
            *([DocsMiddleware] if options.docs else []),
        ],
        resolver=Resolver(lambda operation_id: by_id[operation_id].call),
    )
    # A dictionary, not the path: Connexion renders files as Jinja templates, and a contract is none.
    app.add_api(document, operations=by_id, edge=edge)
    # Connexion builds at the first request; a contract that does not compile must stop the start instead.
    app.app, app.middleware_stack = app._build_middleware_stack()
    return app


def _matched(document: Any, operations: Iterable[Operation]) -> dict[str, Operation]:
    by_id = {operation.operation_id: operation for operation in operations}
    declared = [
        methods[method].get("operationId", f"({method} {path})")
        for path, methods in document.get("paths", {}).items()
        for method in METHODS & methods.keys()
    ]
    for name, names in (
        ("not implemented", set(declared) - by_id.keys()),
        ("not in the contract", by_id.keys() - set(declared)),
        ("declared twice", {one for one in declared if declared.count(one) > 1}),
    ):
        if names:
            raise ValueError(f"operations {name}: {', '.join(sorted(names))}")
    return by_id
