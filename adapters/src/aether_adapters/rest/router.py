"""Routing middleware: finds the operation of a request in a tree of paths and calls it.

Replaces Connexion's routing layer, which tries one regular expression after another and copies the scope
twice for each request, and whose later layers look the operation up again. The oracle test compares the
results of both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final

from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT, RoutedMiddleware
from connexion.spec import Specification
from starlette.types import ASGIApp, Receive, Scope

from aether_adapters.rest.handler import CompiledAPI, CompiledOperation
from aether_adapters.rest.problems import NoSuchMethod
from aether_adapters.rest.response import ResponseSender
from aether_adapters.rest.response_headers import ResponseHeaders
from aether_adapters.rest.route_tree import Routes

_NO_OPERATION: Final = {"api_base_path": None, "operation_id": None}


class RouterMiddleware(RoutedMiddleware[CompiledAPI]):  # type: ignore[misc]  # Connexion is untyped
    """Routes a request to its operation, to an app in `extra`, or to the next layer."""

    api_cls = CompiledAPI

    def __init__(
        self, app: ASGIApp, *, extra: Mapping[str, ASGIApp], response_headers: ResponseHeaders
    ) -> None:
        """`extra` maps paths outside the contract to the apps that answer GET on them."""
        super().__init__(app)
        self._response_headers = response_headers
        self._routes: Routes[CompiledOperation | ASGIApp] = Routes()
        for path, target in extra.items():
            self._routes.add("GET", path, target)

    def add_api(
        self, specification: Specification, base_path: str | None = None, **kwargs: Any
    ) -> CompiledAPI:
        """Register the paths of a contract and compile its operations; Connexion calls this at start-up."""
        api: CompiledAPI = super().add_api(specification, base_path=base_path, **kwargs)
        base = specification.base_path if base_path is None else base_path
        for path, methods in specification["paths"].items():
            for method in METHODS & methods.keys():
                self._routes.add(method.upper(), base + path, api.operations[methods[method]["operationId"]])
        return api

    def __call__(self, scope: Scope, receive: Receive, send: Any) -> Awaitable[None]:
        """Return the operation's coroutine, which saves one of our own; `send` is `RestApp`'s `ResponseSender`.

        Raises `NoSuchMethod` immediately, before anything is awaited.
        """
        if scope["type"] != "http":
            return self._next(scope, receive, send)
        methods = self._methods(scope)
        if methods is None:
            scope.setdefault("extensions", {})[ROUTING_CONTEXT] = _NO_OPERATION
            return self._next(scope, receive, send)
        target = methods.get(scope["method"])
        if target is None:
            if scope["method"] == "HEAD" and "GET" in methods:
                target = methods["GET"]
            elif scope["method"] == "OPTIONS":
                return self._options(_allow(methods), send)
            else:
                raise NoSuchMethod(_allow(methods))
        return target(scope, receive, send)

    def find(self, scope: Scope) -> CompiledOperation | None:
        """Return the operation that a request is for; None if it is for none."""
        target = (self._methods(scope) or {}).get(scope["method"])
        return target if isinstance(target, CompiledOperation) else None

    def _methods(self, scope: Scope) -> Mapping[str, CompiledOperation | ASGIApp] | None:
        methods = None if scope.get("root_path") else self._routes.concrete.get(scope.get("raw_path", b""))
        if methods is None:
            found = self._routes.find(_raw_path(scope))
            if found is not None:
                methods, scope["path_params"] = found
        return methods

    async def _options(self, allow: str, send: ResponseSender) -> None:
        headers = [(b"allow", allow.encode("ascii")), *self._response_headers.preflight(send.headers, allow)]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _next(self, scope: Scope, receive: Receive, send: Any) -> Awaitable[None]:
        following: Awaitable[None] = self.app(scope, receive, send)
        return following


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
