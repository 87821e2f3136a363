"""Each explained code: its wrong example gives that finding and no other, its right one gives none."""

from __future__ import annotations

import pytest
from aether_tools.check.contracts.explanations import CONTRACT_EXPLANATIONS
from aether_tools.check.explanations import EXPLANATIONS
from aether_tools.commands.explain import explain
from aether_tools.console import UsageError

from .conftest import PACKAGE, Shop

FOUND_BY_RUNNING = {
    "container-argument",
    "container-factory",
    "container-idle",
    "container-memory",
    "container-type",
    "enum-member",
    "error-domain",
    "error-kind",
    "migration-broken",
    "migration-pending",
}
"""Codes that are found by running a container or migrations; their tests are in the corpus and in test_container."""


@pytest.mark.parametrize(
    "code", sorted(EXPLANATIONS.keys() - FOUND_BY_RUNNING - CONTRACT_EXPLANATIONS.keys())
)
def test_the_wrong_example_is_found_and_the_right_one_is_not(events: Shop, code: str) -> None:
    explanation = EXPLANATIONS[code]
    folder = "domains/billing" if explanation.file.startswith("migrations/") else PACKAGE
    file = f"{folder}/{explanation.file}"
    if explanation.file == "container.py":
        for use_case in ("create_invoice", "close_invoice"):
            events.remove(f"{PACKAGE}/application/{use_case}.py")
        events.remove("proto/gen/acme/billing/v1/port.py")
    events.write(file, explanation.right)
    assert events.check_files() == []
    events.write(file, explanation.wrong)
    assert {finding.code for finding in events.check_files()} == {code}


def test_an_explanation_tells_what_why_wrong_and_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain("effect-use") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("effect-use: ")
    for part in (
        "Why: ",
        "Wrong, in domain/rules.py:",
        "Right, in domain/rules.py:",
        "default_factory=datetime.now",
    ):
        assert part in shown


def test_a_misspelt_code_is_told_the_right_one() -> None:
    with pytest.raises(UsageError, match=r"^no explanation of effect-usee. Did you mean effect-use.*\?$"):
        explain("effect-usee")


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(UsageError, match="no explanation of effect-user"):
        explain("effect-user")
