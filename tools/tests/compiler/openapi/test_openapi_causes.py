"""One finding for one cause: a renamed field, a shared schema, a renamed workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aether_tools.compiler.pipeline import generate

Write = Callable[[Mapping[str, str]], Path]

PROTO = """\
syntax = "proto3";
package acme.desk.v1;
import "acme/common/v1/common.proto";
service DeskService {
  rpc GetDesk(GetDeskRequest) returns (Desk) { option idempotency_level = NO_SIDE_EFFECTS; }
}
message GetDeskRequest { acme.common.v1.Caller caller = 1; int64 id = 2; }
message Desk { int64 id = 1; string name = 2; int64 left = 3; int64 right = 4; }
"""
REST = """\
openapi: 3.0.3
info: {title: Desks, version: 1.0.0}
security: [{bearer: []}]
paths:
  /desks/{id}:
    get:
      operationId: getDesk
      parameters:
        - {name: id, in: path, required: true, schema: {$ref: '#/components/schemas/Id'}}
      responses:
        '200':
          description: The desk.
          headers:
            X-Name:
              x-from: name
              schema: {type: string}
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Desk'
components:
  securitySchemes: {bearer: {type: http, scheme: bearer}}
  schemas:
    Id: {type: string, format: int64}
    Number: {type: string, format: int64}
    Desk:
      type: object
      required: [id, name, left, right]
      properties:
        id:
          $ref: '#/components/schemas/Id'
        name:
          type: string
        left:
          $ref: '#/components/schemas/Number'
        right:
          $ref: '#/components/schemas/Number'
"""
_PROTO_FILE = "proto/acme/desk/v1/desk.proto"


def found(write: Write, *, rest: str = REST, proto: str = PROTO) -> list[str]:
    """Return code and line of each finding, with its reason."""
    root = write({_PROTO_FILE: proto, "openapi/desk.yaml": rest})
    return [f"{each.code} {each.location.line} {each.reason}" for each in generate(root).findings]


def test_the_contract_has_no_findings(workspace: Write) -> None:
    assert found(workspace) == []


def test_a_renamed_property_is_one_finding(workspace: Write) -> None:
    renamed = REST.replace("        left:", "        port:")
    assert found(workspace, rest=renamed) == [
        "openapi-property-without-field 35 acme.desk.v1.Desk has no field for property 'port', "
        f"and left ({_PROTO_FILE}:8:53) has no property."
    ]


def test_a_renamed_field_is_one_finding_with_every_place_that_names_it(workspace: Write) -> None:
    renamed = PROTO.replace("string name", "string title")
    assert found(workspace, proto=renamed) == [
        "openapi-x-from 15 acme.desk.v1.Desk has no field 'name'. The same at line 33."
    ]


def test_a_shared_schema_that_fits_none_of_its_fields_is_one_finding(workspace: Write) -> None:
    wrong = REST.replace("Number: {type: string, format: int64}", "Number: {type: integer, format: int32}")
    assert found(workspace, rest=wrong) == [
        f"openapi-type 25 This schema does not match left: int64 ({_PROTO_FILE}:8:53). The same at line 37."
    ]


def test_a_shared_schema_that_fits_some_fields_is_found_where_it_does_not(workspace: Write) -> None:
    assert found(workspace, proto=PROTO.replace("int64 right", "string right")) == [
        f"openapi-type 37 This schema does not match right: string ({_PROTO_FILE}:8:70)."
    ]


def test_the_fields_that_an_answer_loses_are_one_finding(workspace: Write) -> None:
    start = REST.index("          content:")
    bodiless = REST[:start] + REST[REST.index("components:") :]
    assert [each.split(" acme")[0] for each in found(workspace, rest=bodiless)] == [
        "openapi-field-without-partner 10 No response returns "
        f"id ({_PROTO_FILE}:8:22), left ({_PROTO_FILE}:8:53), right ({_PROTO_FILE}:8:69) of"
    ]


def test_a_method_may_have_the_name_of_its_service(workspace: Write) -> None:
    proto = PROTO.replace("rpc GetDesk(", "rpc DeskService(")
    rest = REST.replace("operationId: getDesk", "operationId: deskService")
    assert found(workspace, proto=proto, rest=rest) == []
    generated = workspace({}) / "proto/gen/acme/desk/v1/port.py"
    text = generated.read_text(encoding="utf-8")
    assert "class DeskService(Protocol):" in text
    assert "class DeskServicePort:" in text


def test_a_renamed_workspace_is_found_at_its_name(workspace: Write) -> None:
    root = workspace(
        {
            _PROTO_FILE: PROTO,
            "openapi/desk.yaml": REST,
            "pyproject.toml": '[project]\nname = "x"\n\n[tool.aether]\nname = "other"\n',
        }
    )
    (finding,) = generate(root).findings
    assert (finding.code, str(finding.location)) == ("contract-workspace", "pyproject.toml:5:1")
    assert "proto/acme/" in finding.reason


def test_a_json_contract_beside_a_yaml_one_is_named(workspace: Write) -> None:
    root = workspace({_PROTO_FILE: PROTO, "openapi/desk.yaml": REST, "openapi/desk.json": "{}"})
    assert [(each.code, each.location.file) for each in generate(root).findings] == [
        ("openapi-name", "openapi/desk.json")
    ]
