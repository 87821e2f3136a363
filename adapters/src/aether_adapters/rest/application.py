"""Outermost ASGI layer: request ids, access log, metrics, and errors rendered as problem details.

Replaces Connexion's server-error and exception layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import getrandbits
from time import monotonic
from typing import Any, Final

import structlog
from connexion.middleware import ConnexionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.observability.logging import REQUEST_ID
from aether_adapters.observability.metrics import RequestSeries
from aether_adapters.rest.body_reader import ClientGone
from aether_adapters.rest.options import RestOptions
from aether_adapters.rest.problems import render
from aether_adapters.rest.response import ResponseSender

_VALID_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_CLIENT_GONE: Final = 499
_ACCESS: Final = structlog.get_logger("aether.access")
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
        **kwargs: Any,
    ) -> None:
        """`app` receives what no layer answers; `kwargs` go to Connexion."""
        self.health = health
        self.rest_options = options
        self._errors = errors
        self._series = series
        self._header = options.request_id_header.lower().encode("ascii")
        self._access_log = options.access_log
        super().__init__(app, **kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
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
        answer = ResponseSender(send, headers, (name, request_id.encode("ascii")), since)
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
            series.in_flight -= 1
            seconds = monotonic() - since
            series.observe(answer.operation, answer.status, seconds)
            if self._access_log:
                _ACCESS.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    operation=answer.operation,
                    status=answer.status,
                    milliseconds=round(seconds * 1000, 3),
                )

    async def _refuse(self, error: Exception, answer: ResponseSender) -> None:
        problem, headers, body = render(error, self._errors)
        if problem.kind is Kind.INTERNAL:
            _ERRORS.error("request failed", exc_info=error)
        elif problem.status >= 500:
            _ERRORS.warning("request refused", problem=problem.type, detail=problem.detail)
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
        if name == header and _VALID_REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return None
