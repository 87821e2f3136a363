"""Statuses that refuse calls, prepared from errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import grpc
import structlog

from aether_adapters.grpc.metrics import HANDLED
from aether_adapters.grpc.status import DETAILS, OVERLOADED, code_of, details_of, message_of
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.work_pool import Overloaded
from aether_adapters.observability.tracebacks import summary

_LOG: Final = structlog.get_logger("aether.grpc")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status that ends a call without a result."""

    code: grpc.StatusCode
    detail: str
    trailers: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def of(cls, error: Exception, errors: ErrorTable, method: str = "") -> Refusal:
        """Return the status of an error. With the path of a `method`, log an error that is no fault of the caller."""
        problem = errors.problem(error)
        try:
            details = details_of(problem)
        except (ValueError, TypeError) as unfit:
            # A Struct cannot hold some values, such as text with a lone surrogate; the caller still gets a status.
            _LOG.warning("problem has no wire form", problem_type=problem.type, reason=summary(unfit))
            problem = errors.problem(unfit)
            details = details_of(problem)
        if method and problem.kind is Kind.INTERNAL:
            _LOG.error("call failed", grpc_method=method, exc_info=error)
        elif method and problem.status >= 500:
            _LOG.warning("call refused", grpc_method=method, problem=problem.type)
        marks = (OVERLOADED,) if isinstance(error, Overloaded) else ()
        return cls(code_of(problem.kind), message_of(problem.detail), ((DETAILS, details), *marks))


def count(method: str, code: grpc.StatusCode) -> None:
    """Count an answered call of a method, given by its path."""
    service, _, name = method.removeprefix("/").partition("/")
    HANDLED.labels(service, name, code.name).inc()
