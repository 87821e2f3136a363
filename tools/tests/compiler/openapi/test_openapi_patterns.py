"""Patterns that a service can run on any text in time, and those that it cannot."""

from __future__ import annotations

import pytest
from aether_tools.compiler.openapi.document import Findings, Node
from aether_tools.compiler.openapi.patterns import check_pattern
from aether_tools.finding import ContractError, Location


def code(pattern: str) -> str | None:
    """The code of the finding for a pattern."""
    findings = Findings()
    check_pattern(Node(Location("c.yaml", 1, 1), "#", scalar=pattern), findings)
    try:
        findings.refuse()
    except ContractError as refused:
        return refused.findings[0].code
    return None


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$",
        r"(x+x+)+y",
        r"^[\p{L}\d_-]{1,64}$",
        r"^(?=.*[A-Z])(?=.*\d).{8,}$",
        r"^(?!(?:con|prn)$)[a-z]+$",
        r"^(?!.*(?:--|__))[a-z(?=)_-]+$",
        r"^\(?=a\)+[|]$",
        r"^(['\"]).*\1$",
    ],
)
def test_a_pattern_that_takes_little_time_is_accepted(pattern: str) -> None:
    assert code(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?=.*\d)(?=.*[A-Z]).{8,}",
        r"^((?=a+b)a|aa)*$",
        r"^(?:x(?!y))+$",
        r"^(?:(a+)\1?)+$",
        r"^(?!a)b|(?=.*c)d",
        r".*(?<!x).*(?!y).*(?=z)",
    ],
)
def test_a_pattern_that_takes_the_square_of_a_text_is_refused(pattern: str) -> None:
    assert code(pattern) == "openapi-pattern-time"


@pytest.mark.parametrize("pattern", [r"(", r"[", r"a{2,1}", r"((a{1000}){1000}){1000}", r"\\u{110000}("])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    assert code(pattern) == "openapi-pattern"
