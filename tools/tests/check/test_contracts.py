"""Checks of contracts that the scaffolded one has no place for, and rules of quality that are switched off."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent

import pytest
from aether_tools.check.contracts.contract_check import Checked, check_all, check_contracts
from aether_tools.check.contracts.explanations import CONTRACT_EXPLANATIONS
from aether_tools.console import UsageError
from aether_tools.workspace import Workspace

PROTO = """\
syntax = "proto3";
package acme.desk.v1;
import "acme/common/v1/common.proto";
// Keeps desks.
service DeskService {
  // Moves a desk.
  rpc MoveDesk(MoveDeskRequest) returns (Desk);
  // Lists desks.
  rpc ListDesks(ListDesksRequest) returns (Desks) { option idempotency_level = NO_SIDE_EFFECTS; }
}
message MoveDeskRequest {
  acme.common.v1.Caller caller = 1;
  repeated int64 coupon_ids = 2;
  map<string, string> labels = 3;
  Place place = 4;
  repeated string roles = 5;
}
message Place { int64 room = 1; }
message ListDesksRequest { acme.common.v1.Caller caller = 1; }
message Desk { int64 id = 1; }
message Desks { repeated Desk desks = 1; }
"""
COMMON = """\
syntax = "proto3";
package acme.common.v1;
// Who is calling.
message Caller { string subject = 1; repeated string roles = 2; string session = 3; }
"""
ERRORS = "".join(
    f"        '{status}': {{$ref: '#/components/responses/Problem'}}\n"
    for status in (400, 401, 403, 413, 415, 429, 500, 503, 504)
)
REST = f"""\
openapi: 3.0.3
info: {{title: Desks, version: 1.0.0, description: Keeps desks.}}
security: [{{bearer: []}}]
tags:
  - {{name: desks, description: Where people work.}}
paths:
  /desks:
    put:
      operationId: moveDesk
      summary: Moves a desk.
      tags: [desks]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [place]
              properties:
                couponIds:
                  type: array
                  maxItems: 10
                  items:
                    type: string
                    format: int64
                labels:
                  type: object
                  maxProperties: 5
                  additionalProperties: {{type: string, maxLength: 9}}
                place:
                  type: object
                  additionalProperties: false
                  properties:
                    room: {{type: string, format: int64}}
                roles:
                  type: array
                  maxItems: 2
                  uniqueItems: true
                  items: {{type: string, enum: [seller, buyer]}}
      responses:
        '200':
          description: The desk.
          content: {{application/json: {{schema: {{$ref: '#/components/schemas/Desk'}}}}}}
{ERRORS}
    get:
      operationId: listDesks
      summary: Lists desks.
      tags: [desks]
      responses:
        '200':
          description: The desks.
          content:
            application/json:
              schema:
                type: object
                required: [desks]
                properties:
                  desks:
                    type: array
                    maxItems: 4
                    items: {{$ref: '#/components/schemas/Desk'}}
{ERRORS.replace("        '413': {$ref: '#/components/responses/Problem'}" + chr(10), "").replace("        '415': {$ref: '#/components/responses/Problem'}" + chr(10), "")}
components:
  securitySchemes: {{bearer: {{type: http, scheme: bearer}}}}
  responses:
    Problem: {{description: It went wrong.}}
  schemas:
    Desk:
      description: A place to work at.
      type: object
      required: [id]
      properties:
        id: {{type: string, format: int64}}
"""


@pytest.fixture
def desks(tmp_path: Path) -> Path:
    """A workspace whose contract has lists, a map and a message in a request."""
    files = {
        "pyproject.toml": '[tool.aether]\nname = "acme"\n',
        "proto/acme/common/v1/common.proto": COMMON,
        "proto/acme/desk/v1/desk.proto": PROTO,
        "openapi/desk.yaml": REST,
        "domains/desk/pyproject.toml": '[project]\nname = "acme-desk"\n',
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def found(root: Path) -> list[tuple[str, int]]:
    """Return code and line of each finding."""
    workspace = Workspace.find(root)
    return [
        (each.code, each.location.line) for each in check_contracts(workspace, workspace.domains()).findings
    ]


def edit(root: Path, old: str, new: str) -> None:
    file = root / "openapi/desk.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("", "", "", 0),
        ("                  maxProperties: 5\n", "", "quality-list", 27),
        ("                  maxItems: 2\n", "                  maxItems: 9\n                  minItems: 3\n", "contract-limits", 39),
        ("                  uniqueItems: true\n", "                  minItems: 1\n                  uniqueItems: true\n", "contract-required", 36),
        ("                    room: {type: string, format: int64}",
         "                    room: {type: string, format: int64, pattern: '^[1-9][0-9]{0,9}$'}", "contract-required", 35),
        ("type: string, maxLength: 9", "type: string", "quality-text", 30),
        ("                  additionalProperties: false\n                  properties:\n                    room",
         "                  properties:\n                    room", "quality-open", 31),
        ("                    maxItems: 4\n", "", "quality-paging", 68),
        ("enum: [seller, buyer]", "enum: [seller, buyer, buyer]", "contract-duplicate", 40),
    ],
)  # fmt: skip
def test_a_fault_is_found_at_its_line(desks: Path, old: str, new: str, code: str, line: int) -> None:
    edit(desks, old, new)
    assert found(desks) == ([(code, line)] if code else [])


def test_the_example_of_an_unbounded_list_is_found(desks: Path) -> None:
    explanation = CONTRACT_EXPLANATIONS["quality-list"]
    edit(desks, indent(explanation.right, " " * 16), indent(explanation.wrong, " " * 16))
    assert found(desks) == [("quality-list", 21)]


@pytest.mark.parametrize("file", ["pyproject.toml", "domains/desk/pyproject.toml"])
def test_a_rule_is_switched_off_with_a_reason(desks: Path, file: str) -> None:
    edit(desks, "                    maxItems: 4\n", "")
    settings = desks / file
    before = settings.read_text(encoding="utf-8")
    settings.write_text(f'{before}[tool.aether.check.off]\nquality-paging = "there are four"\n')
    assert found(desks) == []
    settings.write_text(before)
    assert found(desks) == [("quality-paging", 68)]


def test_undeclared_errors_can_be_switched_off(desks: Path) -> None:
    edit(desks, "        '504': {$ref: '#/components/responses/Problem'}\n", "")
    (code, _), *others = found(desks)
    assert (code, others) == ("contract-status", [])
    settings = desks / "domains/desk/pyproject.toml"
    settings.write_text('[tool.aether.check.off]\ncontract-status = "a proxy answers 504 for all"\n')
    assert found(desks) == []


def test_the_shop_has_no_findings() -> None:
    shop = Workspace.find(Path(__file__).parent)
    assert check_contracts(shop, shop.domains()).findings == ()


@pytest.mark.parametrize(
    ("off", "message"),
    [
        ('quality-pages = "few"', "names 'quality-pages', which is none of: quality-description"),
        ('contract-limits = "few"', "names 'contract-limits'"),
        ('quality-paging = ""', "gives no reason for quality-paging"),
        ("quality-paging = true", "gives no reason for quality-paging"),
    ],
)
def test_a_rule_is_not_switched_off_without_a_reason(desks: Path, off: str, message: str) -> None:
    (desks / "domains/desk/pyproject.toml").write_text(f"[tool.aether.check.off]\n{off}\n")
    with pytest.raises(
        UsageError, match=f"^domains/desk/pyproject.toml: off in .tool.aether.check. {message}"
    ):
        found(desks)


def test_what_is_switched_off_must_be_a_table(desks: Path) -> None:
    (desks / "domains/desk/pyproject.toml").write_text('[tool.aether.check]\noff = ["quality-paging"]\n')
    with pytest.raises(UsageError, match="must be a table"):
        found(desks)


def test_what_contracts_show_is_the_same_after_it_was_stored(desks: Path) -> None:
    edit(desks, "                    maxItems: 4\n", "")
    checked = check_all(Workspace.find(desks))
    assert checked.findings
    assert checked.promises
    assert Checked.from_data(json.loads(json.dumps(checked.as_data()))) == checked


def test_a_contract_that_does_not_compile_is_left_to_the_compiler(desks: Path) -> None:
    edit(desks, "operationId: listDesks", "operationId: listTables")
    assert found(desks) == []
