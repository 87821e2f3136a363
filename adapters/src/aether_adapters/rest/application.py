"""Outermost ASGI layer: request ids, access log, metrics, and errors rendered as problem details.

Replaces Connexion's server-error and exception layers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextvars import copy_context
from random import getrandbits
from time import monotonic
from typing import Any, Final

import structlog
from connexion.middleware import ConnexionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from aether_adapters.kernel.criticality import current
from aether_adapters.kernel.errors import Forbidden, Kind, TechnicalError, Unauthenticated
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.request_id import VALID_BYTES
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.observability import access_log
from aether_adapters.observability.health import Health
from aether_adapters.observability.logging import REQUEST_ID
from aether_adapters.observability.metrics import RequestSeries
from aether_adapters.observability.overload import OverloadRefusals
from aether_adapters.rest.body_reader import ClientGone
from aether_adapters.rest.in_flight import ARRIVAL, Admission
from aether_adapters.rest.options import RestOptions
from aether_adapters.rest.problems import render
from aether_adapters.rest.response import ResponseSender
from aether_adapters.rest.response_headers import ResponseHeaders
from aether_adapters.rest.shedding import Find, Shedder

_CLIENT_GONE: Final = 499
_ERRORS: Final = structlog.get_logger("aether.rest")


class RestApp(ConnexionMiddleware):  # type: ignore[misc]  # Connexion is untyped
    """The REST server as an ASGI application: built by `build_app`, run by `serve`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        health: Health,
        options: RestOptions,
        errors: ErrorTable,
        series: RequestSeries,
        response_headers: ResponseHeaders,
        **kwargs: Any,
    ) -> None:
        """`app` receives what no layer answers; `kwargs` go to Connexion."""
        self.health = health
        self.rest_options = options
        self._errors = errors
        self._series = series
        self._refusals = OverloadRefusals("rest")
        self._header = options.request_id_header.lower().encode("ascii")
        self._access_log = options.access_log
        self._response_headers = response_headers
        self._constant = response_headers.of({}, {}) if response_headers.is_constant else None
        self._clean = copy_context()
        self.shed: Shedder | None = None
        """Decides about each request when its head arrives; None if all may go on."""
        super().__init__(app, **kwargs)

    def shed_by(self, admission: Admission, find: Find) -> None:
        """Refuse requests at their head unless `admission` admits them."""
        if self._constant is not None:  # else a refusal's header fields depend on the request
            self.shed = Shedder(admission, find, self._errors, self._series, self._constant, self._header)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, in a context that holds nothing of another."""
        if not REQUEST_ID.get():
            return self._serve(scope, receive, send)
        # uvicorn starts a pipelined request in the context of the one before it, whose token, deadline, trace and
        # log variables, ours or a library's, it would see.
        serving = self._serve(scope, receive, send)
        return asyncio.get_running_loop().create_task(serving, context=self._clean.copy())

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # With "app" set, Starlette (in Swagger UI) raises its refusals, so that they are rendered here.
        scope["app"] = self
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        since = monotonic()
        sent = scope["headers"]
        headers: Mapping[bytes, bytes] = dict(sent)
        if len(headers) != len(sent):
            headers = _joined(sent)
        name = self._header
        request_id = _first_valid_id(sent, name) if name in headers else None
        if request_id is None:
            request_id = getrandbits(128).to_bytes(16).hex()  # unique, not secret
        constant = self._constant
        if constant is None:
            constant = self._response_headers.of(scope, headers)
        answer = ResponseSender(send, headers, (name, request_id.encode("ascii")), constant, since)
        REQUEST_ID.set(request_id)
        series = self._series
        series.in_flight += 1
        try:
            await self.app(scope, receive, answer)
        except ClientGone:
            answer.status = _CLIENT_GONE
        except Exception as error:
            await self._refuse(error, answer)
        finally:
            arrival = scope.get(ARRIVAL)
            if arrival is not None:
                arrival.end()
            series.in_flight -= 1
            seconds = monotonic() - since
            series.observe(answer.operation, answer.status, seconds)
            if self._access_log:
                access_log.record(
                    scope["method"],
                    scope["path"],
                    answer.operation,
                    answer.status,
                    seconds,
                    request_id,
                    answer.reason,
                )

    async def _refuse(self, error: Exception, answer: ResponseSender) -> None:
        problem, headers, body = render(error, self._errors)
        if isinstance(error, Overloaded):
            self._refusals.count(current())
        if problem.kind is Kind.INTERNAL:
            _ERRORS.error("request failed", exc_info=error)
        elif problem.status >= 500:
            reason = error.reason if isinstance(error, TechnicalError) else problem.detail
            _ERRORS.warning("request refused", problem=problem.type, detail=reason)
        elif isinstance(error, (Unauthenticated, Forbidden)):
            answer.reason = error.reason
        if answer.status:
            raise error  # the head is already sent: the server can only cut the connection
        await answer.send_whole(problem.status, headers, body)


def _joined(sent: list[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """Return header fields by name, repeated ones joined by commas (RFC 9110, section 5.3)."""
    headers: dict[bytes, bytes] = {}
    for name, value in sent:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def _first_valid_id(sent: list[tuple[bytes, bytes]], header: bytes) -> str | None:
    """Return the first well-formed request id that was sent, or None."""
    for name, value in sent:
        if name == header and VALID_BYTES.fullmatch(value):
            return str(value, "ascii")
    return None
