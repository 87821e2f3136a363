"""Builds the ASGI application of one contract and its operations on Connexion 3."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import yaml
from connexion.http_facts import METHODS
from connexion.resolver import Resolver
from starlette.types import ASGIApp

from aether_adapters.kernel.identity import Verify
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.rate_limits import Limits
from aether_adapters.observability.health import Health
from aether_adapters.observability.metrics import REQUESTS
from aether_adapters.rest.application import RestApp
from aether_adapters.rest.body_memory import BodyMemory
from aether_adapters.rest.client_address import ClientAddress
from aether_adapters.rest.content_coding import ContentCodings
from aether_adapters.rest.deadlines import Deadlines
from aether_adapters.rest.handler import SharedParts
from aether_adapters.rest.in_flight import Admission
from aether_adapters.rest.large_bodies import LargeBodies
from aether_adapters.rest.local_limit import LocalLimit
from aether_adapters.rest.operation import Operation
from aether_adapters.rest.options import RestOptions
from aether_adapters.rest.response_headers import ResponseHeaders
from aether_adapters.rest.router import RouterMiddleware
from aether_adapters.rest.system_routes import DocsMiddleware, counter, healthz, metrics, not_found, readyz


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # one of two classes
    """Reads YAML as JSON has it: without dates, so that an unquoted `default: 2026-01-02` is text."""

    yaml_implicit_resolvers: ClassVar = {
        first: [resolver for resolver in resolvers if resolver[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _read(contract: Path) -> dict[str, Any]:
    """Return a contract without the extensions among its paths and statuses, which are none of them."""
    document: dict[str, Any] = yaml.load(contract.read_bytes(), Loader=_Loader)  # noqa: S506 - a safe loader
    document["paths"] = paths = _without_extensions(document.get("paths") or {})
    for item in paths.values():
        for operation in item.values():
            if isinstance(operation, dict) and isinstance(operation.get("responses"), dict):
                operation["responses"] = _without_extensions(operation["responses"])
    return document


def _without_extensions(mapping: dict[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in mapping.items() if not str(key).startswith("x-")}


def build_app(
    contract: Path,
    operations: Iterable[Operation],
    *,
    errors: ErrorTable,
    verify: Verify,
    health: Health,
    options: RestOptions | None = None,
    limits: Limits | None = None,
    admission: Admission | None = None,
) -> RestApp:
    """Compile a contract into an application; every fault of contract or operations is raised here.

    `admission` decides first about each request of an operation, by its criticality.
    Raises `ValueError` if `operations` are not those of the contract or if the contract uses an unsupported
    feature, and Connexion's `InvalidSpecification` if it is not a valid OpenAPI document.
    """
    options = options or RestOptions()
    document = _read(contract)
    by_id = _matched(document, operations)
    client_address = ClientAddress(options.trusted_proxies, options.forwarded_header)
    response_headers = ResponseHeaders(options, document, client_address)
    shared = SharedParts(
        errors=errors,
        verify=verify,
        client_address=client_address,
        body_limit=options.body_limit,
        deadlines=Deadlines(options.deadline),
        limits=limits or Limits(),
        codings=ContentCodings(options.codings, options.body_limit),
        large_bodies=LargeBodies(),
        body_memory=BodyMemory(options.bodies_bytes),
        admission=admission,
    )
    counted = counter(LocalLimit(options.system_rate), client_address)
    extra: dict[str, ASGIApp] = {}
    if options.probes:
        extra |= {"/healthz": counted(healthz()), "/readyz": counted(readyz(health))}
    if options.metrics:
        extra["/metrics"] = counted(metrics())
    app = RestApp(
        not_found if options.docs else counted(not_found),
        health=health,
        options=options,
        errors=errors,
        series=REQUESTS.series(errors.domain),
        response_headers=response_headers,
        middlewares=[
            partial(RouterMiddleware, extra=extra, response_headers=response_headers),
            *([partial(DocsMiddleware, counted=counted)] if options.docs else []),
        ],
        resolver=Resolver(lambda operation_id: by_id[operation_id].call),
    )
    # A dictionary, not the path: Connexion renders files as Jinja templates.
    app.add_api(document, operations=by_id, shared=shared)
    # Connexion builds at the first request, but a contract that does not compile must stop the start.
    app.app, app.middleware_stack = app._build_middleware_stack()
    if admission is not None:
        router = next(layer for layer in app.middleware_stack if isinstance(layer, RouterMiddleware))
        app.shed_by(admission, router.find)
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
