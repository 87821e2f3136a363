"""Problems: how REST and gRPC report errors, in one vocabulary.

A domain raises plain exceptions. An `ErrorTable`, filled in the composition root, maps their classes to
kinds. REST and gRPC servers get the same `Problem` from it, so they report the same error. Kinds map to HTTP
statuses (RFC 9110) and gRPC codes; a problem renders as RFC 9457 JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aether_adapters.kernel.errors import Kind, Malformed, TechnicalError
from aether_adapters.kernel.problem_size import bounded
from aether_adapters.kernel.protojson import json_name, json_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error as callers see it (RFC 9457), over REST and gRPC.

    `type` is a relative reference such as `/problems/billing/invoice-already-closed`; `values` holds the
    broken rule's values as ProtoJSON; `retry_after` is in seconds; `errors` lists the faults of a malformed
    request as `{"pointer": ..., "reason": ...}`.
    """

    kind: Kind
    type: str
    title: str
    detail: str
    values: Mapping[str, object] = field(default_factory=dict)
    retry_after: float | None = None
    errors: Sequence[Mapping[str, str]] = ()

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self.kind.status

    def to_json(self) -> bytes:
        """Return the `application/problem+json` body; equal problems give equal bytes."""
        body: dict[str, object] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.values:
            body["values"] = {name: self.values[name] for name in sorted(self.values)}
        if self.errors:
            body["errors"] = [dict(error) for error in self.errors]
        return _ENCODER.encode(body).encode()


class RemoteError(Exception):
    """Another process answered with this problem; a server renders it byte for byte like the original."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.kind = problem.kind
        self.type = problem.type
        self.values = problem.values


class RemoteOverloaded(RemoteError):
    """Another process refused a call because it had no time for it."""


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))

_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


_RETRYABLE: Final = frozenset({Kind.UNAVAILABLE, Kind.EXHAUSTED})
"""Kinds whose errors may have an attribute `retry_after` (seconds)."""


class ErrorTable:
    """Maps the error classes of a domain to kinds; the nearest class in the MRO wins."""

    def __init__(self, domain: str, kinds: Mapping[type[Exception], Kind]) -> None:
        self.domain = domain
        self._kinds = dict(kinds)

    def problem(self, error: BaseException) -> Problem:
        """Return the problem that a caller sees for `error`.

        The public attributes of a broken rule become `values`, `course_id` as `courseId`. An undeclared error becomes
        INTERNAL without its text, which may be confidential. What is too long is cut, see `problem_size`.
        """
        return bounded(self._problem(error))

    def _problem(self, error: BaseException) -> Problem:
        if isinstance(error, RemoteError):
            return error.problem
        if isinstance(error, TechnicalError):
            return self._technical(error)
        for cls in type(error).__mro__:
            kind = self._kinds.get(cls)
            if kind is not None:
                return self._rule(error, kind)
        return Problem(
            kind=Kind.INTERNAL,
            type="/problems/internal",
            title="Internal error",
            detail="The service failed; its log holds the error under this request's id.",
        )

    def foresees(self, error: BaseException) -> bool:
        """Return whether `error` is a broken rule or trouble with a server, as opposed to a defect of this code."""
        return (
            isinstance(error, TechnicalError | RemoteError) or self.problem(error).kind is not Kind.INTERNAL
        )

    def _rule(self, error: BaseException, kind: Kind) -> Problem:
        words = _words(type(error).__name__)
        facts = dict(vars(error))
        retry_after = facts.pop("retry_after", None) if kind in _RETRYABLE else None
        values = {
            json_name(name): json_value(value) for name, value in facts.items() if not name.startswith("_")
        }
        return Problem(
            kind=kind,
            type=f"/problems/{self.domain}/{'-'.join(words)}",
            title=" ".join(words).capitalize(),
            detail=str(error),
            values=values,
            retry_after=retry_after,
        )

    @staticmethod
    def _technical(error: TechnicalError) -> Problem:
        words = _words(error.kind.name.replace("_", " ").title().replace(" ", ""))
        return Problem(
            kind=error.kind,
            type=f"/problems/{'-'.join(words)}",
            title=" ".join(words).capitalize(),
            detail=error.detail,
            retry_after=error.retry_after,
            errors=({"pointer": error.pointer, "reason": error.reason},)
            if isinstance(error, Malformed)
            else (),
        )
