"""The outermost layer: request ids, the access log, metrics, and every error as a problem.

It stands where Connexion has its server-error and exception layers, and does their work once a request.
"""

from __future__ import annotations

import re
from random import getrandbits
from time import monotonic
from typing import Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from aether_adapters.errors import ErrorTable, Kind
from aether_adapters.logs import REQUEST_ID
from aether_adapters.metrics import RequestSeries
from aether_adapters.rest.answer import Answer
from aether_adapters.rest.body import ClientGone
from aether_adapters.rest.problems import render

_SANE: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_CLIENT_GONE: Final = 499
_ACCESS: Final = structlog.get_logger("aether.access")
_ERRORS: Final = structlog.get_logger("aether.rest")


class Door:
    """Lets requests in, and their answers out."""

    def __init__(
        self, app: ASGIApp, *, errors: ErrorTable, series: RequestSeries, header: str, access_log: bool
    ) -> None:
        """`header` names the request id's header."""
        self._app = app
        self._errors = errors
        self._series = series
        self._header = header.lower().encode("ascii")
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = monotonic()
        request_id = self._request_id(scope)
        answer = Answer(send, (self._header, request_id.encode("ascii")), started)
        REQUEST_ID.set(request_id)
        self._series.in_flight += 1
        try:
            await self._app(scope, receive, answer)
        except ClientGone:
            answer.status = _CLIENT_GONE
        except Exception as error:
            await self._refuse(error, answer)
        finally:
            self._series.in_flight -= 1
            seconds = monotonic() - started
            self._series.observe(answer.operation, answer.status, seconds)
            if self._access_log:
                _ACCESS.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    operation=answer.operation,
                    status=answer.status,
                    milliseconds=round(seconds * 1000, 3),
                )

    def _request_id(self, scope: Scope) -> str:
        header = self._header
        for name, value in scope["headers"]:
            if name == header and _SANE.fullmatch(value):
                return str(value, "ascii")
        return getrandbits(128).to_bytes(16).hex()  # unique, not secret

    async def _refuse(self, error: Exception, answer: Answer) -> None:
        problem, headers, body = render(error, self._errors)
        if problem.kind is Kind.INTERNAL:
            _ERRORS.error("request failed", exc_info=error)
        elif problem.status >= 500:
            _ERRORS.warning("request refused", problem=problem.type, detail=problem.detail)
        if answer.status:
            raise error  # the head is out; the server can only cut the connection
        await answer.whole(problem.status, headers, body)
