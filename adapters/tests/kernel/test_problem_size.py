"""Tests of the bounds of problems."""

from __future__ import annotations

from aether_adapters.grpc.status import DETAILS_LIMIT_BYTES, details_of, message_of, problem_of
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problem_size import bounded, cut
from aether_adapters.kernel.problems import Problem
from hypothesis import given
from hypothesis import strategies as st

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(_TEXT, inner, max_size=10),
    max_leaves=60,
)
_PROBLEM = st.builds(
    Problem,
    kind=st.just(Kind.INVALID),
    type=st.just("/problems/billing/title-is-not-usable"),
    title=st.just("Title is not usable"),
    detail=_TEXT,
    values=st.dictionaries(_TEXT, _JSON, max_size=10),
    errors=st.lists(st.fixed_dictionaries({"pointer": _TEXT, "reason": _TEXT}), max_size=40).map(tuple),
)


@given(_PROBLEM)
def test_a_bounded_problem_fits_into_the_details_and_stays_as_it_is(problem: Problem) -> None:
    """What two servers in a row bound is the same as what one bounds."""
    small = bounded(problem)
    assert len(details_of(small)) <= DETAILS_LIMIT_BYTES
    assert problem_of(details_of(small)) == small
    assert bounded(small) == small
    assert len(small.to_json()) < 16_384


def test_a_small_problem_is_not_touched() -> None:
    problem = Problem(
        kind=Kind.INVALID,
        type="/problems/x",
        title="X",
        detail="d",
        values={"courseId": "7", "tags": ["a", "b"], "at": {"x": 1.5}},
        errors=({"pointer": "/a", "reason": "is wrong"},),
    )
    assert bounded(problem) is problem


def test_long_texts_are_cut_and_the_rest_stays() -> None:
    problem = Problem(
        kind=Kind.INVALID,
        type="/problems/x",
        title="X",
        detail="d" * 5000,
        values={"title": "é" * 5000, "limit": 60.0},
        errors=tuple({"pointer": f"/{number}", "reason": "is wrong"} for number in range(500)),
    )
    small = bounded(problem)
    assert small.detail == "d" * 997 + "…"
    assert small.errors == problem.errors[: len(small.errors)]
    assert 20 <= len(small.errors) < 100
    few = bounded(Problem(kind=problem.kind, type="", title="", detail="", values=problem.values))
    assert few.values == {"title": "é" * 126 + "…", "limit": 60.0}


def test_a_cut_text_ends_between_two_letters() -> None:
    assert cut("中" * 10, 30) == "中" * 10
    assert cut("中" * 10, 29) == "中" * 8 + "…"


def test_a_message_is_as_long_as_its_percent_encoding_allows() -> None:
    assert message_of("a" * 2000) == "a" * 1024
    assert message_of("%" * 2000) == "%" * 341
    assert message_of("中" * 2000) == "中" * 113
    assert message_of("The title is too long.") == "The title is too long."
