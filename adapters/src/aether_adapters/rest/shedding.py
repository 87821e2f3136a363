"""Refuses requests as soon as their head is there, while the server has no time for them.

Under overload most requests are refused, so a refusal must cost next to nothing: no task, no token, no body, no line in
the access log. It is written by the connection, from responses that were prepared at start-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import choice, getrandbits
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol

import structlog

from aether_adapters.kernel.criticality import HEADER, Criticality, of_call
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.request_id import VALID_BYTES
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.observability.metrics import RequestSeries
from aether_adapters.observability.overload import OverloadRefusals
from aether_adapters.rest.in_flight import ARRIVAL, Admission, Arrival
from aether_adapters.rest.problems import Header, render
from aether_adapters.rest.response import ConstantHeaders

_CRITICALITY: Final = HEADER.encode("ascii")
_DELAYS: Final = 32
_LOG_SECONDS: Final = 1.0
_LOG: Final = structlog.get_logger("aether.overload")


class Operation(Protocol):
    """An operation as a `Shedder` sees it."""

    @property
    def id(self) -> str:
        """Its operationId."""
        ...

    @property
    def criticality(self) -> Criticality:
        """What the contract declares."""
        ...


Find = Callable[[Any], Operation | None]
"""Returns the operation that a request is for; None if it is for none."""


class Response(NamedTuple):
    """What `response.WHOLE_RESPONSE` takes."""

    status: int
    encoded: bytes
    headers: list[Header]
    body: bytes


class Shedder:
    """Decides about the requests of one server; use it from its event loop only."""

    def __init__(
        self,
        admission: Admission,
        find: Find,
        errors: ErrorTable,
        series: RequestSeries,
        constant: ConstantHeaders,
        request_id_header: bytes,
    ) -> None:
        self._admission = admission
        self._find = find
        self._series = series
        self._refusals = OverloadRefusals("rest")
        self._constant = constant.encoded
        self._request_id_header = request_id_header
        self._prepared = [render(Overloaded(), errors) for _ in range(_DELAYS)]
        self._log_at = 0.0
        self._unlogged = 0

    def __call__(self, scope: Any) -> Response | None:
        """Return the refusal of a request whose head has arrived; None if it may go on, which is then arriving."""
        refusal = self._refusal(scope)
        if refusal is None:
            scope[ARRIVAL] = Arrival(self._admission)
        return refusal

    def _refusal(self, scope: Mapping[str, Any]) -> Response | None:
        if self._admission.admits(Criticality.SHEDDABLE):
            return None
        operation = self._find(scope)
        if operation is None:
            return None
        level = operation.criticality
        request_id = b""
        for name, value in scope["headers"]:
            if name == self._request_id_header and not request_id and VALID_BYTES.fullmatch(value):
                request_id = value
            elif name == _CRITICALITY:
                level = of_call(level, value.decode("latin-1"), trusted=False)
        if self._admission.admits(level):
            return None
        problem, headers, body = choice(self._prepared)  # noqa: S311 # spreads load, hides nothing
        self._count(operation.id, level, problem.status)
        stamp = (self._request_id_header, request_id or b"%032x" % getrandbits(128))
        return Response(problem.status, self._constant, [stamp, *headers], body)

    def _count(self, operation: str, level: Criticality, status: int) -> None:
        self._refusals.count(level)
        self._series.observe(operation, status, 0.0)
        self._unlogged += 1
        now = monotonic()
        if now >= self._log_at:
            _LOG.warning("requests refused for overload", count=self._unlogged)
            self._log_at = now + _LOG_SECONDS
            self._unlogged = 0
