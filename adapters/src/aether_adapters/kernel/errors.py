"""Kinds of errors, and the errors of the machinery: what every kit raises, and nothing of how it is told."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What an error means to a caller: its HTTP status and the name of its gRPC code."""

    MALFORMED = (400, "INVALID_ARGUMENT")
    UNAUTHENTICATED = (401, "UNAUTHENTICATED")
    FORBIDDEN = (403, "PERMISSION_DENIED")
    NOT_FOUND = (404, "NOT_FOUND")
    METHOD_NOT_ALLOWED = (405, "UNIMPLEMENTED")
    CONFLICT = (409, "FAILED_PRECONDITION")
    STALE = (412, "ABORTED")
    TOO_LARGE = (413, "OUT_OF_RANGE")
    UNSUPPORTED = (415, "INVALID_ARGUMENT")
    INVALID = (422, "INVALID_ARGUMENT")
    EXHAUSTED = (429, "RESOURCE_EXHAUSTED")
    INTERNAL = (500, "INTERNAL")
    UNAVAILABLE = (503, "UNAVAILABLE")
    DEADLINE = (504, "DEADLINE_EXCEEDED")

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self.value[0]

    @property
    def code(self) -> str:
        """The name of the gRPC status code."""
        return self.value[1]


class TechnicalError(Exception):
    """An error of the machinery, not of a domain's rules; the kits raise its subclasses."""

    kind: Kind = Kind.INTERNAL

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class Malformed(TechnicalError):
    """A request that does not fit the contract; `pointer` is a JSON pointer or a parameter's name."""

    kind = Kind.MALFORMED

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer}: {reason}" if pointer else reason)
        self.pointer = pointer
        self.reason = reason


class Unauthenticated(TechnicalError):
    """No token, or one that cannot be trusted."""

    kind = Kind.UNAUTHENTICATED


class Forbidden(TechnicalError):
    """A known caller who may not do this."""

    kind = Kind.FORBIDDEN


class TooLarge(TechnicalError):
    """A body above the limit."""

    kind = Kind.TOO_LARGE


class Unsupported(TechnicalError):
    """A media type the contract does not declare."""

    kind = Kind.UNSUPPORTED


class Exhausted(TechnicalError):
    """A limit was reached: a rate, a pool, a queue. `retry_after` says when to come back."""

    kind = Kind.EXHAUSTED


class Unavailable(TechnicalError):
    """A server this one needs is away. `retry_after` says when to come back."""

    kind = Kind.UNAVAILABLE


class DeadlineExceeded(TechnicalError):
    """The time the caller gave has run out; whether the work was done is unknown."""

    kind = Kind.DEADLINE
