"""Findings as other programs read them: JSON, SARIF, annotations of GitHub Actions, and JUnit.

Imports little, because `aether generate` runs on every save.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from aether_tools.finding import Finding, Severity, visible

_SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


def formatted(findings: Sequence[Finding], form: Format, rules: Mapping[str, str]) -> str:
    """Return the findings in a form other than text. `rules` says what some codes mean."""
    match form:
        case Format.SARIF:
            return _sarif(findings, rules)
        case Format.GITHUB:
            return "\n".join(map(annotation, findings))
        case Format.JUNIT:
            return _junit(findings)
        case _:
            return json.dumps([as_object(finding) for finding in findings])


def as_object(finding: Finding) -> dict[str, object]:
    """Return a finding as an object of JSON."""
    place = finding.location
    shown: dict[str, object] = {
        "code": finding.code,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "reason": finding.reason,
        "fix": finding.fix,
    }
    if finding.severity is not Severity.ERROR:
        shown |= {"severity": finding.severity.value, "pointer": finding.pointer}
    return shown


def annotation(finding: Finding) -> str:
    """Return a workflow command that shows the finding at its line of a pull request.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    place = finding.location
    given = {"file": place.file, "title": finding.code}
    if place.line:
        given |= {"line": str(place.line), "col": str(place.column)}
    properties = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in given.items())
    message = f"{visible(finding.reason)}\n{visible(finding.fix)}"
    level = {Severity.RISKY: "warning", Severity.SAFE: "notice"}.get(finding.severity, "error")
    return f"::{level} {properties}::{_escaped(message, '')}"


def _escaped(text: str, more: str) -> str:
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _sarif(findings: Sequence[Finding], rules: Mapping[str, str]) -> str:
    codes = sorted({finding.code for finding in findings})
    log = {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "aether",
                        "rules": [
                            {"id": code, "shortDescription": {"text": rules.get(code, code)}}
                            for code in codes
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(finding, codes.index(finding.code)) for finding in findings],
            }
        ],
    }
    return json.dumps(log)


def _sarif_result(finding: Finding, rule: int) -> dict[str, object]:
    from urllib.parse import quote

    place = finding.location
    where: dict[str, object] = {"artifactLocation": {"uri": quote(place.file), "uriBaseId": "%SRCROOT%"}}
    if place.line:
        where["region"] = {"startLine": place.line, "startColumn": max(place.column, 1)}
    location: dict[str, object] = {"physicalLocation": where}
    if finding.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": visible(finding.pointer)}]
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": {Severity.RISKY: "warning", Severity.SAFE: "note"}.get(finding.severity, "error"),
        "message": {"text": f"{visible(finding.reason)} {visible(finding.fix)}"},
        "locations": [location],
    }


def _junit(findings: Sequence[Finding]) -> str:
    """Return one failed test a finding, or one that passed if there are none.

    A change that fails nothing is a test that passed, with its text as output.
    """
    from xml.etree import ElementTree

    count = str(sum(finding.severity.fails for finding in findings))
    suite = ElementTree.Element(
        "testsuite", name="aether check", tests=str(max(len(findings), 1)), failures=count
    )
    for finding in findings:
        place = visible(str(finding.location))
        case = ElementTree.SubElement(suite, "testcase", classname=finding.code, name=place)
        if not finding.severity.fails:
            ElementTree.SubElement(case, "system-out").text = visible(str(finding))
            continue
        failure = ElementTree.SubElement(case, "failure", message=visible(finding.reason), type=finding.code)
        failure.text = visible(str(finding))
    if not findings:
        ElementTree.SubElement(suite, "testcase", classname="aether", name="check")
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
