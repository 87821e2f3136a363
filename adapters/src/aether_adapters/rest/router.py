"""Routing by the contract's paths: Connexion's routing context, found by one walk down a tree.

Connexion's own routing layer matches one regular expression after another, copies the scope twice and builds two
routers' worth of dictionaries for each request; the oracle test holds what both answer against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT, SpecMiddleware
from connexion.spec import Specification
from starlette.types import ASGIApp, Receive, Scope, Send

from aether_adapters.rest.problems import NoSuchMethod
from aether_adapters.rest.routing import Routes

_NO_OPERATION: Final = {"api_base_path": None, "operation_id": None}


class RouterMiddleware(SpecMiddleware):  # type: ignore[misc]  # Connexion is untyped
    """Sends a request to its operation; to `extra`, apps beside the contract; else on to the next layer."""

    def __init__(self, app: ASGIApp, *, extra: Mapping[str, ASGIApp]) -> None:
        """`extra` holds apps by the path they answer GET on."""
        self._app = app
        self._routes: Routes[dict[str, str | None] | ASGIApp] = Routes()
        for path, target in extra.items():
            self._routes.add("GET", path, target)

    def add_api(self, specification: Specification, base_path: str | None = None, **_: Any) -> None:
        """Learn the paths of a contract."""
        base = specification.base_path if base_path is None else base_path
        for path, methods in specification["paths"].items():
            for method in METHODS & methods.keys():
                target = {"api_base_path": base, "operation_id": methods[method]["operationId"]}
                self._routes.add(method.upper(), base + path, target)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = self._routes.find(_raw_path(scope))
        if found is None:
            scope.setdefault("extensions", {})[ROUTING_CONTEXT] = _NO_OPERATION
            await self._app(scope, receive, send)
            return
        methods, parameters = found
        method = scope["method"]
        target = methods.get(method)
        if target is None:
            if method == "HEAD" and "GET" in methods:
                target = methods["GET"]
            elif method == "OPTIONS":
                await _options(_allow(methods), send)
                return
            else:
                raise NoSuchMethod(_allow(methods))
        if not isinstance(target, dict):
            await target(scope, receive, send)
            return
        scope["path_params"] = parameters
        scope.setdefault("extensions", {})[ROUTING_CONTEXT] = target
        await self._app(scope, receive, send)


def _raw_path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    path: str = raw.decode("latin-1") if raw else scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


def _allow(methods: Mapping[str, object]) -> str:
    known = {*methods, "OPTIONS"}
    if "GET" in known:
        known.add("HEAD")
    return ", ".join(sorted(known))


async def _options(allow: str, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allow.encode("ascii"))]})
    await send({"type": "http.response.body", "body": b""})
