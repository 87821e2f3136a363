"""Kinds of errors, and the technical errors that every kit raises."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What an error means to a caller: its HTTP status and gRPC status code."""

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
    """An error outside the domain's rules; the kits raise its subclasses. `retry_after` is in seconds.

    Callers get `detail`. `reason`, by default the same, is for logs and probes: it may name servers and their answers.
    """

    kind: Kind = Kind.INTERNAL

    def __init__(self, detail: str, *, retry_after: float | None = None, reason: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.reason = reason or detail


class Malformed(TechnicalError):
    """The request violates the contract; `pointer` is a JSON pointer or a parameter's name."""

    kind = Kind.MALFORMED

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer}: {reason}" if pointer else reason)
        self.pointer = pointer
        self.reason = reason


class Unauthenticated(TechnicalError):
    """The token is missing or invalid."""

    kind = Kind.UNAUTHENTICATED


class Forbidden(TechnicalError):
    """The authenticated caller is not allowed to do this."""

    kind = Kind.FORBIDDEN


class TooLarge(TechnicalError):
    """The body exceeds the limit."""

    kind = Kind.TOO_LARGE


class Unsupported(TechnicalError):
    """The contract does not declare the media type."""

    kind = Kind.UNSUPPORTED


class Exhausted(TechnicalError):
    """A rate, pool or queue limit was reached. `retry_after` (seconds) says when to try again."""

    kind = Kind.EXHAUSTED


class Unavailable(TechnicalError):
    """A required server is unavailable. `retry_after` (seconds) says when to try again."""

    kind = Kind.UNAVAILABLE


class DeadlineExceeded(TechnicalError):
    """The caller's deadline has passed; whether the work was done is unknown."""

    kind = Kind.DEADLINE
