"""The example of each code gives that code alone, and what it says to do instead breaks nothing."""

from __future__ import annotations

import pytest
from aether_tools.breaking.examples import EXAMPLES, document
from aether_tools.breaking.rules import RULES
from aether_tools.commands.explain import explain
from aether_tools.finding import Severity

from .conftest import Compare

OF_A_WORKSPACE = {"api-contract-removed", "api-contract-added"}
"""Codes that only a whole workspace can show; their tests are in test_against."""


def test_every_rule_has_an_example() -> None:
    assert EXAMPLES.keys() == RULES.keys() - OF_A_WORKSPACE


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_an_example_gives_its_code_alone(compare: Compare, code: str) -> None:
    example = EXAMPLES[code]
    found = compare(document(example.where, example.old), document(example.where, example.new))
    assert [(change.code, change.severity) for change in found] == [(code, RULES[code].severity)]
    assert found[0].location.line > 0
    assert found[0].pointer.startswith("#/")


@pytest.mark.parametrize("code", sorted(code for code, example in EXAMPLES.items() if example.instead))
def test_what_to_do_instead_breaks_nothing(compare: Compare, code: str) -> None:
    example = EXAMPLES[code]
    found = compare(document(example.where, example.old), document(example.where, example.instead))
    assert {change.severity for change in found} <= {Severity.SAFE, Severity.RISKY} - {RULES[code].severity}
    assert code not in {change.code for change in found}


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_a_safe_change_has_no_alternative_and_another_one_has(code: str) -> None:
    assert bool(EXAMPLES[code].instead) == (RULES[code].severity is not Severity.SAFE)


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_a_document_does_not_differ_from_itself(compare: Compare, code: str) -> None:
    text = document(EXAMPLES[code].where, EXAMPLES[code].new)
    assert compare(text, text) == ()


@pytest.mark.parametrize("code", sorted(RULES))
def test_explain_prints_the_rule_and_its_example(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(code) == 0
    shown = capsys.readouterr().out
    assert RULES[code].why in " ".join(shown.split())
    if code in EXAMPLES:
        assert EXAMPLES[code].new.splitlines()[0] in shown
        assert ("Instead:" in shown) == bool(EXAMPLES[code].instead)
