"""Contracts as other tools write them: every fault is named in one run, and nothing false is said about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

KITCHEN = (Path(__file__).with_name("kitchen") / "openapi" / "kitchen.yaml").read_text(encoding="utf-8")


def codes(kitchen: Any, text: str) -> list[str]:
    return [finding.code for finding in kitchen.refusals(text)]


def test_an_operation_with_a_bad_id_is_an_operation(kitchen: Any) -> None:
    text = "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {/repos: {get: {operationId: repos/get, responses: {'204': {description: x}}}}}\n"
    assert codes(kitchen, text) == ["openapi-operation-id"]


def test_one_run_names_what_a_conversion_from_3_1_takes(kitchen: Any) -> None:
    text = """
openapi: 3.1.0
info: {title: x, version: '1'}
jsonSchemaDialect: https://spec.openapis.org/oas/3.1/dialect/base
paths:
  /stations:
    get:
      operationId: get-stations
      responses:
        default: {description: e, content: {application/json: {schema: {type: object}}}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}
  schemas:
    Station:
      type: [object, 'null']
      properties:
        kind: {const: station}
        height: {type: number, exclusiveMinimum: 0, examples: [1, 2]}
        type: {type: string}
"""
    found = {(finding.code, finding.location.line): finding.fix for finding in kitchen.refusals(text)}
    assert found.keys() == {
        ("openapi-version", 2),
        ("openapi-newer", 4),
        ("openapi-operation-id", 8),
        ("openapi-status", 10),
        ("openapi-security-scheme", 12),
        ("openapi-newer", 15),
        ("openapi-newer", 17),
        ("openapi-newer", 18),
    }
    assert found["openapi-newer", 15] == "Write type: object and nullable: true."


@pytest.mark.parametrize("version", ["2.0", "1.2", "four", ""])
def test_a_document_of_another_kind_has_one_finding(kitchen: Any, version: str) -> None:
    assert codes(kitchen, KITCHEN.replace("openapi: 3.0.3", f"openapi: '{version}'")) == ["openapi-version"]
