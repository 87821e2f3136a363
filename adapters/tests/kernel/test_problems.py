"""Tests of problems and of the error table."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus
from uuid import UUID

import grpc
import pytest
from aether_adapters.contract.wire import field_mask_from_pb
from aether_adapters.kernel.errors import (
    DeadlineExceeded,
    Exhausted,
    Forbidden,
    Kind,
    Malformed,
    TechnicalError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from aether_adapters.kernel.problems import ErrorTable, Problem, RemoteError
from aether_adapters.kernel.protojson import field_mask
from google.protobuf.field_mask_pb2 import FieldMask


class Broken(Exception):
    """The base class of the domain's errors."""


class Conflict(Broken):
    pass


class Color(Enum):
    RED = "COLOR_RED"


class InvoiceAlreadyClosed(Conflict):
    def __init__(self, number: int, closed_at: datetime) -> None:
        super().__init__(f"Invoice {number} was closed.")
        self.number = number
        self.closed_at = closed_at
        self.color = Color.RED
        self.owner = UUID(int=1)
        self._secret = "hidden"


TABLE = ErrorTable("billing", {Broken: Kind.INVALID, Conflict: Kind.CONFLICT})
CLOSED = InvoiceAlreadyClosed(2**60, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_valid_http_status_and_grpc_code(kind: Kind) -> None:
    assert HTTPStatus(kind.status)
    assert kind.code in grpc.StatusCode.__members__
    assert kind.code not in {"OK", "UNKNOWN", "CANCELLED"}


def test_a_broken_rule_shows_its_type_its_message_and_its_public_values() -> None:
    assert TABLE.problem(CLOSED) == Problem(
        kind=Kind.CONFLICT,
        type="/problems/billing/invoice-already-closed",
        title="Invoice already closed",
        detail=f"Invoice {2**60} was closed.",
        values={
            "number": str(2**60),
            "closedAt": "2026-01-02T03:04:05Z",
            "color": "COLOR_RED",
            "owner": "00000000-0000-0000-0000-000000000001",
        },
    )


def test_the_fields_an_error_names_are_those_of_the_contract() -> None:
    class NotToBeChanged(Broken):
        def __init__(self, paths: tuple[str, ...]) -> None:
            super().__init__("These fields cannot be changed.")
            self.field_paths = paths
            self.by_owner_id = {"zip_code": 1}

    read = field_mask("displayName,owner.zipCode", "/updateMask")
    sent = field_mask_from_pb(FieldMask(paths=["display_name", "owner.zip_code"]))
    for paths in (read, sent):
        assert paths == ("display_name", "owner.zip_code")
        assert TABLE.problem(NotToBeChanged(paths)).values == {
            "fieldPaths": ["displayName", "owner.zipCode"],
            "byOwnerId": {"zip_code": "1"},  # a key is data
        }


def test_the_nearest_class_in_the_mro_decides() -> None:
    class Odd(Conflict):
        pass

    class Special(Odd):
        pass

    table = ErrorTable("x", {Broken: Kind.INVALID, Conflict: Kind.CONFLICT, Odd: Kind.NOT_FOUND})
    assert [table.problem(error()).kind for error in (Broken, Conflict, Odd, Special)] == [
        Kind.INVALID,
        Kind.CONFLICT,
        Kind.NOT_FOUND,
        Kind.NOT_FOUND,
    ]


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("OutOfStock", "out-of-stock"),
        ("HTTPGone", "http-gone"),
        ("SKUUnknown", "sku-unknown"),
        ("Version2Refused", "version2-refused"),
    ],
)
def test_a_class_name_becomes_kebab_case(name: str, segment: str) -> None:
    error = type(name, (Broken,), {})()
    assert TABLE.problem(error).type == f"/problems/billing/{segment}"


def test_an_undeclared_error_reveals_nothing() -> None:
    problem = TABLE.problem(KeyError("password=hunter2"))
    assert problem.kind is Kind.INTERNAL
    assert b"hunter2" not in problem.to_json()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed("/a", "is required"), 400),
        (Unauthenticated("who?"), 401),
        (Forbidden("no"), 403),
        (TooLarge("big"), 413),
        (Unsupported("what?"), 415),
        (Exhausted("busy", retry_after=2.0), 429),
        (Unavailable("away", retry_after=3.0), 503),
        (DeadlineExceeded("late"), 504),
    ],
)
def test_technical_errors_have_their_status_and_title(error: TechnicalError, status: int) -> None:
    problem = TABLE.problem(error)
    assert problem.status == status
    assert (problem.detail, problem.retry_after) == (error.detail, error.retry_after)


def test_a_malformed_request_lists_its_faults() -> None:
    assert json.loads(TABLE.problem(Malformed("/items/0/id", "must be an integer")).to_json()) == {
        "type": "/problems/malformed",
        "title": "Malformed",
        "status": 400,
        "detail": "/items/0/id: must be an integer",
        "errors": [{"pointer": "/items/0/id", "reason": "must be an integer"}],
    }


def test_a_remote_problem_passes_through_unchanged() -> None:
    problem = TABLE.problem(CLOSED)
    assert ErrorTable("other", {}).problem(RemoteError(problem)) is problem


def test_equal_problems_give_equal_bytes_in_any_order_of_values() -> None:
    one = Problem(kind=Kind.INVALID, type="/t", title="T", detail="d", values={"a": {"x": 1, "y": 2}, "b": 1})
    two = Problem(kind=Kind.INVALID, type="/t", title="T", detail="d", values={"b": 1, "a": {"y": 2, "x": 1}})
    assert one == two
    assert one.to_json() == two.to_json()


def test_only_retryable_kinds_carry_retry_after() -> None:
    class Later(Broken):
        def __init__(self) -> None:
            super().__init__("Come back.")
            self.retry_after = 1.5
            self.number = 7

    problem = ErrorTable("tests", {Broken: Kind.UNAVAILABLE}).problem(Later())
    assert (problem.retry_after, problem.values) == (1.5, {"number": "7"})
    problem = ErrorTable("tests", {Broken: Kind.CONFLICT}).problem(Later())
    assert (problem.retry_after, problem.values) == (None, {"number": "7", "retryAfter": 1.5})
