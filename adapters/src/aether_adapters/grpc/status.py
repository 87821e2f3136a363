"""Translates a `Problem` to a gRPC status and back without loss.

Uses the richer error model of Google's APIs (https://google.aip.dev/193): the trailer
`grpc-status-details-bin` holds a `google.rpc.Status` with an `ErrorInfo` (type), a `Struct` (the broken
rule's values), a `BadRequest` (malformed fields) and a `RetryInfo` (retry delay). Several kinds share a
status code, so ErrorInfo carries the kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, cast

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped] # ships no stubs
    BadRequest,
    ErrorInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # ships no stubs

from aether_adapters.kernel.errors import DeadlineExceeded, Kind, Unavailable
from aether_adapters.kernel.problem_size import cut
from aether_adapters.kernel.problems import Problem, RemoteError

DETAILS: Final = "grpc-status-details-bin"
OVERLOADED: Final = ("aether-overloaded", b"1")
"""The trailer of a call that its server refused for want of time, as opposed to a limit of its caller."""
DETAILS_LIMIT_BYTES: Final = 4608
"""Maximum size of the details that a server sends: 6 KiB in base64, so that with the message they stay below the 8 KiB
of metadata that clients accept by default. Larger ones lose their values and field violations."""
_MAX_MESSAGE_BYTES: Final = 1024
"""Length of the error text in the plain status message, percent-encoded; the details carry more of it."""
METADATA_LIMIT_BYTES: Final = 128 * 1024
"""Maximum size of metadata that our servers and clients accept: tokens with many roles."""

_CODES: Final = {code.name: code for code in grpc.StatusCode}
_NANOSECONDS_PER_SECOND: Final = 1_000_000_000
_KINDS_OF_CODES: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: Kind.MALFORMED,
    grpc.StatusCode.OUT_OF_RANGE: Kind.INVALID,
    grpc.StatusCode.UNAUTHENTICATED: Kind.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: Kind.FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: Kind.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: Kind.CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: Kind.CONFLICT,
    grpc.StatusCode.ABORTED: Kind.STALE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Kind.EXHAUSTED,
    # A server cancels calls that outlast its grace period; a client that cancels never sees this.
    grpc.StatusCode.CANCELLED: Kind.UNAVAILABLE,
    grpc.StatusCode.UNAVAILABLE: Kind.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Kind.DEADLINE,
}
"""Kind of a status code that comes without details; INTERNAL for all others."""

_RETRY_AFTER_SECONDS: Final = 1.0
"""Suggested wait when a server is unavailable for an unknown time."""
_TOO_LARGE: Final = "larger than max"
"""Part of gRPC core's message for a message above the receiver's limit, which has no code of its own."""


def code_of(kind: Kind) -> grpc.StatusCode:
    """Return the gRPC status code of a kind."""
    return _CODES[kind.code]


def message_of(detail: str) -> str:
    """Return the plain status message of an error: so much of its text as fits when percent-encoded."""
    if len(detail) * 3 <= _MAX_MESSAGE_BYTES and detail.isascii():
        return detail
    left, message = _MAX_MESSAGE_BYTES, []
    for letter in detail:
        left -= 1 if " " <= letter <= "~" and letter != "%" else 3 * len(letter.encode("utf-8", "replace"))
        if left < 0:
            break
        message.append(letter)
    return "".join(message)


def details_of(problem: Problem) -> bytes:
    """Serialise `problem` as a `google.rpc.Status` trailer of at most `DETAILS_LIMIT_BYTES` bytes."""
    data: bytes = _status(problem, whole=True).SerializeToString()
    if len(data) > DETAILS_LIMIT_BYTES:
        # A peer drops the whole response if trailers exceed its limit, so send the error without its values.
        data = _status(problem, whole=False).SerializeToString()
    return data


def _status(problem: Problem, *, whole: bool) -> Status:
    status = Status(
        code=code_of(problem.kind).value[0],
        message=problem.detail if whole else cut(problem.detail, DETAILS_LIMIT_BYTES // 4),
    )
    path, _, reason = problem.type.rpartition("/")
    domain = path.rpartition("/")[2]
    info = ErrorInfo(
        reason=reason.replace("-", "_").upper(),
        domain="" if domain == "problems" else domain,
        metadata={"kind": problem.kind.name, "type": problem.type, "title": problem.title},
    )
    parts: list[Message] = [info]
    if problem.values and whole:
        values = Struct()
        values.update(cast("Any", problem.values))
        parts.append(values)
    if problem.errors and whole:
        parts.append(
            BadRequest(
                field_violations=[
                    BadRequest.FieldViolation(field=error["pointer"], description=error["reason"])
                    for error in problem.errors
                ]
            )
        )
    if problem.retry_after is not None:
        seconds = math.floor(problem.retry_after)
        retry = RetryInfo()
        retry.retry_delay.FromNanoseconds(
            seconds * _NANOSECONDS_PER_SECOND
            + round((problem.retry_after - seconds) * _NANOSECONDS_PER_SECOND),
        )
        parts.append(retry)
    for part in parts:
        status.details.add().Pack(part)
    return status


def problem_of(data: bytes) -> Problem | None:
    """Return the problem in a trailer, or None if it holds none of ours."""
    status, info, values, bad, retry = Status(), ErrorInfo(), Struct(), BadRequest(), RetryInfo()
    try:
        status.ParseFromString(data)
        found = {part.DESCRIPTOR.name for part in (info, values, bad, retry) if _unpack(status, part)}
    except DecodeError:
        return None
    kind = Kind.__members__.get(info.metadata.get("kind", ""))
    if kind is None:
        return None
    return Problem(
        kind=kind,
        type=info.metadata["type"],
        title=info.metadata["title"],
        detail=status.message,
        values=cast("Mapping[str, object]", MessageToDict(values)) if "Struct" in found else {},
        retry_after=retry.retry_delay.ToNanoseconds() / _NANOSECONDS_PER_SECOND
        if "RetryInfo" in found
        else None,
        errors=tuple(
            {"pointer": violation.field, "reason": violation.description}
            for violation in bad.field_violations
        ),
    )


def _unpack(status: Status, into: Message) -> bool:
    return any(part.Is(into.DESCRIPTOR) and part.Unpack(into) for part in status.details)


def error_of(code: grpc.StatusCode, detail: str, details: bytes | None) -> Exception:
    """Return the exception that a client raises for a failed call.

    A server's own problem becomes a `RemoteError`. Without one the transport failed: `Unavailable`,
    `DeadlineExceeded`, or a `RemoteError` of the nearest kind.
    """
    problem = None if details is None else problem_of(details)
    if problem is not None:
        return RemoteError(problem)
    kind = _KINDS_OF_CODES.get(code, Kind.INTERNAL)
    if kind is Kind.UNAVAILABLE:
        return Unavailable("A required service is unavailable; try again.", retry_after=_RETRY_AFTER_SECONDS)
    if kind is Kind.DEADLINE:
        return DeadlineExceeded("The deadline passed before the work was done.")
    if kind is Kind.EXHAUSTED and _TOO_LARGE in detail:
        kind = Kind.TOO_LARGE
    words = kind.name.lower().replace("_", " ")
    return RemoteError(
        Problem(
            kind=kind,
            type=f"/problems/{words.replace(' ', '-')}",
            title=words.capitalize(),
            detail="A required service failed." if kind is Kind.INTERNAL else detail,
            retry_after=_RETRY_AFTER_SECONDS if kind is Kind.EXHAUSTED else None,
        )
    )
