"""Tests of problems encoded as gRPC status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from aether_adapters.grpc.status import DETAILS_LIMIT_BYTES, code_of, details_of, error_of, problem_of
from aether_adapters.kernel.errors import DeadlineExceeded, Kind, Unavailable
from aether_adapters.kernel.problem_size import bounded
from aether_adapters.kernel.problems import Problem, RemoteError
from aether_adapters.kernel.protojson import json_value
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped] # ships no stubs
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # ships no stubs
from hypothesis import given
from hypothesis import strategies as st

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_NAME = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
_PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    _TEXT,
    st.binary(max_size=20),
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(timedelta(days=-1000), timedelta(days=1000)),
    st.sampled_from(Kind),
)
_VALUE = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_PROBLEM = st.builds(
    Problem,
    kind=st.sampled_from(Kind),
    type=st.builds("/problems/{}/{}".format, _NAME, _NAME) | st.builds("/problems/{}".format, _NAME),
    title=_TEXT,
    detail=_TEXT,
    values=st.dictionaries(_TEXT, _VALUE.map(json_value), max_size=4),
    retry_after=st.none() | st.integers(0, 10**12).map(lambda millis: millis / 1000),
    errors=st.lists(st.fixed_dictionaries({"pointer": _TEXT, "reason": _TEXT}), max_size=3).map(tuple),
)


@given(_PROBLEM)
def test_a_problem_comes_back_equal_and_renders_the_same_bytes(problem: Problem) -> None:
    """Covers every kind and every type of value."""
    problem = bounded(problem)
    returned = problem_of(details_of(problem))
    assert returned == problem
    assert returned is not None
    assert returned.to_json() == problem.to_json()


@given(st.binary(max_size=200))
def test_a_foreign_trailer_is_ignored(data: bytes) -> None:
    """A peer may send any bytes."""
    problem = problem_of(data)
    assert problem is None or isinstance(problem, Problem)


@pytest.mark.parametrize("kind", Kind)
def test_the_kind_survives_a_code_shared_by_several_kinds(kind: Kind) -> None:
    problem = Problem(kind=kind, type="/problems/x/y", title="Y", detail="why")
    error = error_of(code_of(kind), "why", details_of(problem))
    assert isinstance(error, RemoteError)
    assert error.problem == problem


def test_the_details_follow_aip_193() -> None:
    """AIP-193: an upper-case reason, a domain, the code."""
    problem = Problem(kind=Kind.CONFLICT, type="/problems/billing/already-closed", title="T", detail="d")
    status = Status.FromString(details_of(problem))
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, info.metadata["kind"]) == ("ALREADY_CLOSED", "billing", "CONFLICT")
    assert (status.code, status.message) == (grpc.StatusCode.FAILED_PRECONDITION.value[0], "d")


def test_details_that_are_too_long_lose_only_their_values() -> None:
    values = {"list": ["x" * 1000] * 100}
    problem = Problem(kind=Kind.INVALID, type="/problems/x/y", title="Y", detail="d" * 100_000, values=values)
    data = details_of(problem)
    returned = problem_of(data)
    assert len(data) <= DETAILS_LIMIT_BYTES
    assert returned is not None
    assert (returned.kind, returned.type, returned.values) == (problem.kind, problem.type, {})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.CANCELLED, Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Kind.EXHAUSTED),
        (grpc.StatusCode.NOT_FOUND, Kind.NOT_FOUND),
        (grpc.StatusCode.UNKNOWN, Kind.INTERNAL),
        (grpc.StatusCode.UNIMPLEMENTED, Kind.INTERNAL),
    ],
)
def test_a_status_without_details_becomes_the_nearest_error(code: grpc.StatusCode, expected: Any) -> None:
    error = error_of(code, "10.0.0.7:50051 said no", None)
    if isinstance(expected, Kind):
        assert isinstance(error, RemoteError)
        assert error.kind is expected
    else:
        assert type(error) is expected


def test_the_text_of_a_foreign_internal_error_is_not_passed_on() -> None:
    """It may name hosts, tables or secrets."""
    error = error_of(grpc.StatusCode.INTERNAL, "SELECT * FROM users failed", None)
    assert "users" not in str(error)


def test_times_are_compared_in_utc() -> None:
    """`json_value`, which fills the values, and the Struct agree on a timestamp."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
    problem = Problem(
        kind=Kind.INVALID, type="/problems/x/y", title="Y", detail="", values={"at": json_value(moment)}
    )
    returned = problem_of(details_of(problem))
    assert returned is not None
    assert returned.values == {"at": "2026-01-02T03:04:05.006Z"}
