"""Renders errors as RFC 9457 bodies with the headers that HTTP requires for each status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.exceptions import HTTPException

from aether_adapters.kernel.errors import Kind, Malformed, TechnicalError, Unauthenticated
from aether_adapters.kernel.problem_size import bounded
from aether_adapters.kernel.problems import ErrorTable, Problem
from aether_adapters.kernel.rate_limits import LimitReached
from aether_adapters.rest.content_coding import UnsupportedCoding

Header = tuple[bytes, bytes]

NO_STORE: Final = (b"cache-control", b"no-store")
_PROBLEM: Final = (b"content-type", b"application/problem+json")
_BY_STATUS: Final = {kind.status: kind for kind in Kind}


class SchemaViolations(Malformed):
    """The request violates its schema in one or more places."""

    def __init__(self, errors: tuple[Mapping[str, str], ...]) -> None:
        first = errors[0]
        super().__init__(first["pointer"], first["reason"])
        self.errors = errors


class NoSuchPath(TechnicalError):
    """The contract has no such path."""

    kind = Kind.NOT_FOUND


class NoSuchMethod(TechnicalError):
    """The path does not support the method; `allow` lists those that it supports."""

    kind = Kind.METHOD_NOT_ALLOWED

    def __init__(self, allow: str) -> None:
        super().__init__(f"This path supports {allow}.")
        self.allow = allow


class Challenge(Unauthenticated):
    """The token that was sent is invalid; answered with `error="invalid_token"` (RFC 6750, section 3.1)."""


def render(error: Exception, table: ErrorTable) -> tuple[Problem, list[Header], bytes]:
    """Return the problem of `error`, its response headers and its body."""
    if isinstance(error, HTTPException):  # from Connexion's Swagger UI, which is Starlette's
        kind = _BY_STATUS.get(error.status_code, Kind.INTERNAL)
        error = (
            NoSuchPath("This path does not exist.") if kind is Kind.NOT_FOUND else NoSuchMethod("GET, HEAD")
        )
    problem = table.problem(error)
    if isinstance(error, SchemaViolations):
        problem = bounded(replace(problem, errors=error.errors))
    body = problem.to_json()
    headers = [_PROBLEM, (b"content-length", str(len(body)).encode()), NO_STORE]
    match problem.kind:
        case Kind.EXHAUSTED:
            # A limit behind the port has no name here, so the domain's name stands in.
            wait = _whole_seconds(problem.retry_after)
            own = (("ratelimit", f'"{table.domain}";r=0;t={wait}'),)
            fields = error.fields if isinstance(error, LimitReached) else own
            headers.extend((name.encode(), value.encode()) for name, value in fields)
            headers.append((b"retry-after", str(wait).encode()))
        case Kind.UNAUTHENTICATED:
            detail = b', error="invalid_token"' if isinstance(error, Challenge) else b""
            headers.append((b"www-authenticate", b'Bearer realm="' + table.domain.encode() + b'"' + detail))
        case Kind.FORBIDDEN:
            headers.append((b"www-authenticate", b'Bearer error="insufficient_scope"'))
        case Kind.TOO_LARGE:
            headers.append((b"connection", b"close"))
        case Kind.UNSUPPORTED if isinstance(error, UnsupportedCoding):
            headers.append((b"accept-encoding", error.accepted.encode()))
        case Kind.METHOD_NOT_ALLOWED if isinstance(error, NoSuchMethod):
            headers.append((b"allow", error.allow.encode()))
        case kind if kind is Kind.UNAVAILABLE or problem.retry_after is not None:
            headers.append((b"retry-after", str(_whole_seconds(problem.retry_after)).encode()))
    return problem, headers, body


def _whole_seconds(retry_after: float | None) -> int:
    return 1 if retry_after is None else max(1, math.ceil(retry_after))
