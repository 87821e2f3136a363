"""Findings in the forms that other programs read."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema_rs
import pytest
from aether_tools.console import report
from aether_tools.finding import Finding, Location
from aether_tools.report_formats import Format, formatted

FINDINGS = (
    Finding(
        Location("domains/a b/x.py", 3, 5), "effect-use", "It reads a clock, 100%.", "Pass the time: now."
    ),
    Finding(Location("openapi/a.yaml"), "contract-missing", "No proto.", "Write one."),
)
RULES = {"effect-use": "An effect."}


def test_sarif_names_each_rule_once_and_each_place() -> None:
    log = json.loads(formatted(FINDINGS, Format.SARIF, RULES))
    run = log["runs"][0]
    assert (log["version"], run["tool"]["driver"]["name"]) == ("2.1.0", "aether")
    assert run["tool"]["driver"]["rules"] == [
        {"id": "contract-missing", "shortDescription": {"text": "contract-missing"}},
        {"id": "effect-use", "shortDescription": {"text": "An effect."}},
    ]
    first, second = run["results"]
    assert first == {
        "ruleId": "effect-use",
        "ruleIndex": 1,
        "level": "error",
        "message": {"text": "It reads a clock, 100%. Pass the time: now."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "domains/a%20b/x.py", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3, "startColumn": 5},
                }
            }
        ],
    }
    assert "region" not in second["locations"][0]["physicalLocation"]


@pytest.mark.parametrize("findings", [FINDINGS, ()])
def test_sarif_is_valid_by_its_schema(findings: tuple[Finding, ...]) -> None:
    schema = json.loads((Path(__file__).parent / "fixtures/sarif/sarif-schema-2.1.0.json").read_text())
    validator = jsonschema_rs.Draft4Validator(schema, validate_formats=True)
    log = json.loads(formatted(findings, Format.SARIF, RULES))
    assert [str(error) for error in validator.iter_errors(log)] == []
    log["runs"][0]["results"] = [{"ruleId": "no-message"}]
    assert not validator.is_valid(log), "the schema must be able to refuse"


def test_annotations_escape_what_ends_a_property() -> None:
    lines = formatted(FINDINGS, Format.GITHUB, RULES).split("\n")
    assert lines == [
        "::error file=domains/a b/x.py,title=effect-use,line=3,col=5::It reads a clock, 100%25.%0APass the time: now.",
        "::error file=openapi/a.yaml,title=contract-missing::No proto.%0AWrite one.",
    ]


@pytest.mark.parametrize(("findings", "failures"), [(FINDINGS, 2), ((), 0)])
def test_junit_has_a_failed_test_for_each_finding(findings: tuple[Finding, ...], failures: int) -> None:
    suite = ElementTree.fromstring(formatted(findings, Format.JUNIT, RULES))
    assert suite.attrib["failures"] == str(failures)
    assert len(suite.findall("testcase/failure")) == failures
    assert suite.findall("testcase")


@pytest.mark.parametrize("form", [Format.JSON, Format.SARIF, Format.JUNIT, Format.GITHUB])
def test_the_exit_code_is_the_same_in_every_form(form: Format, capsys: pytest.CaptureFixture[str]) -> None:
    assert (report(FINDINGS, form=form, clean="."), report((), form=form, clean=".")) == (1, 0)
    assert capsys.readouterr().err == ""


def test_text_ends_with_a_summary_by_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    report([*FINDINGS, Finding(Location("x.py", 1, 1), "effect-use", "R.", "F.")], clean=".", rules=RULES)
    assert capsys.readouterr().out.endswith(
        "By code: 2 effect-use, 1 contract-missing.\n"
        "`aether explain effect-use` shows an example, wrong and right.\n3 findings.\n"
    )


def test_text_shows_the_first_findings_of_a_code_and_counts_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    many = [Finding(Location("x.py", line, 1), "effect-use", "R.", "F.") for line in range(1, 13)]
    assert report([*many, *FINDINGS], clean=".", most=10) == 1
    shown = capsys.readouterr().out
    assert shown.count("x.py:") == 10, "of effect-use: nine, and the one of FINDINGS"
    assert shown.count("::error ") == 11, "those, and one of another code"
    assert "and 3 more effect-use: --all shows them.\n" in shown
    assert shown.endswith("By code: 13 effect-use, 1 contract-missing.\n14 findings.\n")
    report([*many, *FINDINGS], clean=".", most=None)
    shown = capsys.readouterr().out
    assert shown.count("x.py:") == 13 and "more" not in shown
    report([*many, *FINDINGS], clean=".", most=10, form=Format.JSON)
    assert len(json.loads(capsys.readouterr().out)) == 14


def test_text_under_github_actions_annotates_the_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    report(FINDINGS, clean=".")
    shown = capsys.readouterr().out
    assert "domains/a b/x.py:3:5: effect-use" in shown
    assert "::error file=openapi/a.yaml" in shown
