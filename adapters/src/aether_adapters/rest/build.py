"""Builds the ASGI application of one contract and its operations on Connexion 3."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from connexion.http_facts import METHODS
from connexion.resolver import Resolver

from aether_adapters.kernel.identity import Verify
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.observability.metrics import REQUESTS
from aether_adapters.rest.application import RestApp
from aether_adapters.rest.client_address import ClientAddress
from aether_adapters.rest.deadlines import Deadlines
from aether_adapters.rest.handler import SharedParts
from aether_adapters.rest.operation import Operation
from aether_adapters.rest.options import RestOptions
from aether_adapters.rest.rate_limits import Limits
from aether_adapters.rest.router import RouterMiddleware
from aether_adapters.rest.system_routes import DocsMiddleware, healthz, metrics, not_found, readyz


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
    """Compile a contract into an application; every fault of contract or operations is raised here.

    Raises `ValueError` if `operations` are not those of the contract or if the contract uses an unsupported
    feature, and Connexion's `InvalidSpecification` if it is not a valid OpenAPI document.
    """
    options = options or RestOptions()
    document = yaml.load(contract.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    by_id = _matched(document, operations)
    shared = SharedParts(
        verify=verify,
        client_address=ClientAddress(options.trusted_proxies),
        body_limit=options.body_limit,
        deadlines=Deadlines(options.deadline),
        limits=limits or Limits(),
    )
    extra = {"/healthz": healthz(), "/readyz": readyz(health)}
    if options.metrics:
        extra["/metrics"] = metrics()
    app = RestApp(
        not_found,
        health=health,
        options=options,
        errors=errors,
        series=REQUESTS.series(errors.domain),
        middlewares=[
            partial(RouterMiddleware, extra=extra),
            *([DocsMiddleware] if options.docs else []),
        ],
        resolver=Resolver(lambda operation_id: by_id[operation_id].call),
    )
    # A dictionary, not the path: Connexion renders files as Jinja templates.
    app.add_api(document, operations=by_id, shared=shared)
    # Connexion builds at the first request, but a contract that does not compile must stop the start.
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
