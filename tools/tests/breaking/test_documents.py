"""Comparison of whole OpenAPI documents: references, versions, shared schemas, places and deprecation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from aether_tools.breaking.examples import document
from aether_tools.finding import ContractError, Finding, Location, Severity

from .conftest import TODAY, Compare


def codes(found: tuple[Finding, ...]) -> list[str]:
    return [change.code for change in found]


SHARED = """\
openapi: {version}
info: {{title: Orders, version: 1.0.0}}
paths:
  /orders:
    post:
      requestBody: {{content: {{application/json: {{schema: {{$ref: '#/components/schemas/Order'}}}}}}}}
      responses: {{'200': {{description: Ok., content: {{application/json: {{schema: {{$ref: '#/components/schemas/Order'}}}}}}}}}}
  /orders/last:
    get:
      responses: {{'200': {{description: Ok., content: {{application/json: {{schema: {{$ref: '#/components/schemas/Order'}}}}}}}}}}
components:
  schemas:
    Order:
      type: object
      properties:
{properties}
"""


def shared(*properties: str, version: str = "3.0.3") -> str:
    return SHARED.format(version=version, properties="\n".join(f"        {each}" for each in properties))


def test_a_shared_schema_is_told_once_for_each_direction_with_its_operations(compare: Compare) -> None:
    found = compare(shared("id: {type: string}", "note: {type: string}"), shared("id: {type: string}"))
    assert [(change.code, change.location, change.pointer) for change in found] == [
        (code, Location("old.yaml", 17, 9), "#/components/schemas/Order/properties/note")
        for code in ("api-request-property-removed", "api-response-property-removed")
    ]
    assert "(POST /orders)" in found[0].reason
    assert "(GET /orders/last and POST /orders)" in found[1].reason


def test_what_vanished_is_at_its_old_place_and_what_came_at_its_new_one(compare: Compare) -> None:
    found = compare(shared("a: {type: string}"), shared("b: {type: string}"))
    assert {(change.code, change.location.file, change.location.line) for change in found} == {
        ("api-request-property-removed", "old.yaml", 16),
        ("api-response-property-removed", "old.yaml", 16),
        ("api-request-property-added", "new.yaml", 16),
        ("api-response-property-added", "new.yaml", 16),
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{type: string, nullable: true}", "{type: [string, 'null']}"),
        ("{type: string, nullable: true}", "{anyOf: [{type: string}, {type: 'null'}]}"),
        ("{type: string, nullable: true}", "{oneOf: [{type: 'null'}, {type: string}]}"),
        ("{type: integer, minimum: 0, exclusiveMinimum: true}", "{type: integer, exclusiveMinimum: 0}"),
        ("{type: string, enum: [A]}", "{const: A}"),
        ("{type: integer, example: 1}", "{type: integer, examples: [2], description: Other.}"),
        ("{allOf: [{type: string}, {maxLength: 5}]}", "{type: string, maxLength: 5}"),
        ("{type: array, items: {allOf: [{type: string}]}}", "{type: array, items: {type: string}}"),
        ("{type: string, minLength: 0}", "{type: string}"),
        ("{properties: {a: {type: string}}}", "{type: object, properties: {a: {type: string}}}"),
    ],
)
def test_two_ways_to_write_one_schema_do_not_differ(compare: Compare, old: str, new: str) -> None:
    assert compare(shared(f"id: {old}"), shared(f"id: {new}", version="3.1.0")) == ()
    assert compare(shared(f"id: {new}", version="3.1.0"), shared(f"id: {old}")) == ()


def test_json_and_yaml_of_one_document_do_not_differ(compare: Compare) -> None:
    text = shared("id: {type: string}")
    assert compare(text, json.dumps(yaml.safe_load(text), indent=2)) == ()


CYCLE = """\
openapi: 3.1.0
info: {title: Tree, version: 1.0.0}
paths:
  /tree:
    get:
      responses: {'200': {description: Ok., content: {application/json: {schema: {$ref: '#/components/schemas/Node'}}}}}
components:
  schemas:
    Node:
      type: object
      properties:
        label: {type: %s}
        children: {type: array, items: {$ref: '#/components/schemas/Node'}}
        parent: {allOf: [{$ref: '#/components/schemas/Node'}, {description: The one above.}]}
"""


def test_a_recursive_schema_is_compared_once(compare: Compare) -> None:
    found = compare(CYCLE % "string", CYCLE % "integer")
    assert [(change.code, change.location) for change in found] == [
        ("api-response-type-changed", Location("new.yaml", 12, 23))
    ]


def test_a_reference_that_leads_to_itself_is_refused(compare: Compare) -> None:
    looped = shared("id: {type: string}").replace(
        "Order:\n      type: object", "Order:\n      $ref: '#/components/schemas/Order'"
    )
    with pytest.raises(ContractError) as refused:
        compare(shared("id: {type: string}"), looped)
    assert [(each.code, each.location.file) for each in refused.value.findings] == [
        ("openapi-ref-cycle", "new.yaml")
    ]


SPLIT = "paths: {/orders: {get: {responses: {'200': {description: Ok., content: {application/json: {schema: {$ref: %s}}}}}}}}"


def test_references_lead_to_files_beside_the_document(compare: Compare, tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/order.yaml").write_text(
        "Order:\n  type: object\n  properties: {to: {$ref: ../address.json#/City}}\n"
    )
    (tmp_path / "address.json").write_text('{"City": {"type": "string"}}')
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2/order.yaml").write_text("Order:\n  type: object\n  properties: {to: {type: integer}}\n")
    old = document("document", SPLIT % "'v1/order.yaml#/Order'")
    assert compare(old, old) == ()
    found = compare(old, document("document", SPLIT % "'v2/order.yaml#/Order'"))
    assert [(change.code, change.location.file) for change in found] == [
        ("api-response-type-changed", "v2/order.yaml")
    ]


def test_a_missing_file_and_a_missing_target_are_told_at_their_lines(compare: Compare) -> None:
    old = document("document", SPLIT % "'#/components/schemas/Nothing'")
    with pytest.raises(ContractError, match="points to nothing"):
        compare(old, old)
    gone = document("document", SPLIT % "'gone.yaml#/Order'")
    with pytest.raises(ContractError, match="names a file that does not exist"):
        compare(gone, gone)


def test_a_file_by_its_absolute_path_is_never_read(compare: Compare, tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text("type: object\n")
    old = document("document", SPLIT % f"'{tmp_path}/order.yaml'")
    with pytest.raises(ContractError, match="outside of the folder"):
        compare(old, old)


def test_a_document_elsewhere_is_not_fetched_but_its_address_is_compared(compare: Compare) -> None:
    old = document("document", SPLIT % "'https://schemas.invalid/order.json'")
    assert compare(old, old) == ()
    found = compare(old, document("document", SPLIT % "'https://schemas.invalid/order-2.json'"))
    assert codes(found) == ["api-response-schema-changed"]


def test_a_percent_encoded_reference_is_followed(compare: Compare) -> None:
    text = document("document", SPLIT % "'#/components/schemas/Order%20Line'") + (
        "components: {schemas: {Order Line: {type: string}}}\n"
    )
    assert compare(text, text) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("swagger: '2.0'\npaths: {}\n", "Swagger 2.0"),
        ("paths: {}\n", "no OpenAPI document"),
        ("openapi: 4.0.0\n", "no OpenAPI document"),
        ("- openapi\n", "not a mapping"),
        ("openapi: [\n", "not valid YAML"),
    ],
)
def test_what_is_no_document_of_openapi_3_is_refused(compare: Compare, text: str, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        compare(text, shared("id: {type: string}"))


def test_an_alias_that_repeats_without_end_is_refused(compare: Compare) -> None:
    bomb = "openapi: 3.0.3\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    with pytest.raises(ContractError, match="repeat more than"):
        compare(bomb, bomb)


def test_a_chain_of_thousands_of_schemas_is_compared(compare: Compare) -> None:
    def chain(last: str) -> str:
        links = {
            f"S{n}": {"type": "object", "properties": {"next": {"$ref": f"#/components/schemas/S{n + 1}"}}}
            for n in range(3000)
        }
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}
        return json.dumps(
            {
                "openapi": "3.0.3",
                "paths": {"/a": {"get": {"responses": {"200": {"content": content}}}}},
                "components": {"schemas": links | {"S3000": {"type": last}}},
            }
        )

    assert codes(compare(chain("string"), chain("integer"))) == ["api-response-type-changed"]


OPERATION = "deprecated: true\nx-sunset: '%s'\nresponses: {'200': {description: Ok.}}"


@pytest.mark.parametrize(
    ("sunset", "code"),
    [
        ("2026-11-26", "api-operation-sunset"),
        ("2026-11-27", "api-path-removed"),
        ("2026-11-26T23:59:59Z", "api-operation-sunset"),
        ("soon", "api-path-removed"),
    ],
)
def test_an_operation_may_go_the_day_after_its_sunset(compare: Compare, sunset: str, code: str) -> None:
    found = compare(document("operation", OPERATION % sunset), document("document", "paths: {}"), today=TODAY)
    assert codes(found) == [code]


def test_a_date_without_deprecation_promises_nothing(compare: Compare) -> None:
    quiet = OPERATION.replace("deprecated: true\n", "") % "2020-01-01"
    assert codes(compare(document("operation", quiet), document("document", "paths: {}"))) == [
        "api-path-removed"
    ]


CALLBACK = """\
callbacks:
  paid:
    '{$request.query.url}':
      post:
        requestBody: {content: {application/json: {schema: {type: object, properties: {%s}}}}}
        responses: {'200': {description: Ok.}}
responses: {'200': {description: Ok.}}"""


def test_the_body_of_a_callback_is_what_clients_get(compare: Compare) -> None:
    found = compare(
        document("operation", CALLBACK % "id: {}, at: {}"), document("operation", CALLBACK % "id: {}")
    )
    assert codes(found) == ["api-response-property-removed"]
    assert "callback paid of POST /orders" in found[0].reason


def test_properties_that_only_one_side_sends_concern_only_that_side(compare: Compare) -> None:
    old = shared(
        "id: {type: string}", "key: {type: string, writeOnly: true}", "at: {type: string, readOnly: true}"
    )
    found = compare(old, shared("id: {type: string}"))
    assert {(change.code, change.pointer.rpartition("/")[2]) for change in found} == {
        ("api-request-property-removed", "key"),
        ("api-response-property-removed", "at"),
    }


def test_the_order_of_findings_does_not_depend_on_the_run(compare: Compare) -> None:
    old = shared("a: {enum: [A, B, C, D]}", "b: {type: string}", "c: {type: string}")
    new = shared("a: {enum: [A, E, F, G]}", "d: {type: string}")
    found = compare(old, new)
    assert list(found) == sorted(found)
    assert len({change.severity for change in found}) == 3
    assert any(change.severity is Severity.RISKY and '"E"' in change.reason for change in found)


FOO = "{type: object, required: [foo], properties: {foo: {type: string}, bar: {type: string}}}"
BAR = "{type: object, required: [bar], properties: {foo: {type: string}, bar: {type: string}}}"
BOTH = "{type: object, required: [foo, bar], properties: {foo: {type: string}, bar: {type: string}}}"


@pytest.mark.parametrize(
    ("where", "old", "new", "expected"),
    [
        ("request", BOTH, f"oneOf: [{FOO}, {BAR}]", {"api-request-alternative-added"}),
        ("response", f"oneOf: [{FOO}, {BAR}]", BOTH, {"api-response-alternative-removed"}),
        ("request", f"oneOf: [{FOO}, {BAR}]", BOTH,
         {"api-request-alternative-removed", "api-request-alternative-added"}),
        ("response", BOTH, f"oneOf: [{FOO}, {BAR}]",
         {"api-response-alternative-removed", "api-response-alternative-added"}),
        ("request", "oneOf: [{title: A, type: object}, {title: B, type: object}]", "oneOf: [{title: A, type: object}]",
         {"api-request-alternative-removed"}),
        ("response", FOO, f"oneOf: [{FOO.replace('type: object', 'type: object, title: Foo')}, {{type: 'null'}}]",
         {"api-response-null-allowed"}),
        ("request", FOO, f"oneOf: [{FOO.replace('type: object', 'type: object, title: Foo')}, {BAR}]",
         {"api-request-alternative-added"}),
        ("request", "type: string", "oneOf: [{type: string}, {type: integer}]", {"api-request-alternative-added"}),
        ("response", "oneOf: [{type: string}, {type: integer}]", "type: string", {"api-response-alternative-removed"}),
        ("request", "anyOf: [{type: string, maxLength: 5}, {type: integer}]",
         "anyOf: [{type: integer}, {type: string, maxLength: 4}]", {"api-request-limit-tightened"}),
    ],
)  # fmt: skip
def test_alternatives_are_compared_with_those_that_take_the_same_values(
    compare: Compare, where: str, old: str, new: str, expected: set[str]
) -> None:
    assert set(codes(compare(document(where, old), document(where, new)))) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{type: integer}", "{type: string}", ["api-request-type-widened"]),
        ("{type: integer}", "{type: string, maxLength: 3}", ["api-request-type-changed"]),
        ("{type: string}", "{type: array, items: {type: string}}", ["api-request-type-widened"]),
        ("{type: string}", "{type: array, minItems: 2, items: {type: string}}", ["api-request-type-changed"]),
        ("{type: array, items: {type: string}}", "{type: string}", ["api-request-type-changed"]),
    ],
)
def test_a_parameter_is_text(compare: Compare, old: str, new: str, expected: list[str]) -> None:
    def operation(schema: str) -> str:
        parameter = f"parameters: [{{name: page, in: query, schema: {schema}}}]"
        return document("operation", f"{parameter}\nresponses: {{'200': {{description: Ok.}}}}")

    assert codes(compare(operation(old), operation(new))) == expected


def test_a_value_that_no_client_knows_breaks_and_one_more_is_risky(compare: Compare) -> None:
    def status(values: str) -> str:
        return document("response", f"type: string\nenum: {values}")

    assert codes(compare(status("[A, B]"), status("[C]"))) == ["api-response-type-changed"]
    assert codes(compare(status("[A]"), status("[A, C]"))) == ["api-response-enum-added"]


MERGED = """\
x-base: &base
  type: object
  properties: {a: {type: string}}
x-closed: &closed {additionalProperties: false, type: array}
openapi: 3.0.3
paths:
  /orders:
    post:
      responses: {'200': {description: Ok.}}
      requestBody: {content: {application/json: {schema: %s}}}
"""


@pytest.mark.parametrize(
    ("merging", "plain"),
    [
        ("{<<: *base}", "{type: object, properties: {a: {type: string}}}"),
        ("{<<: *base, properties: {b: {}}}", "{type: object, properties: {b: {}}}"),
        ("{required: [a], <<: [*base, *closed]}",
         "{type: object, required: [a], additionalProperties: false, properties: {a: {type: string}}}"),
        ("{'<<': 1, type: object}", "{type: object}"),
    ],
)  # fmt: skip
def test_a_merge_key_takes_over_what_it_names(compare: Compare, merging: str, plain: str) -> None:
    assert compare(MERGED % merging, MERGED % plain) == ()
    found = compare(MERGED % merging, MERGED % "{type: object, required: [z]}")
    assert "api-request-property-required" in codes(found)


def test_what_a_merge_key_took_over_has_a_place_of_its_own(compare: Compare) -> None:
    (found,) = (
        each
        for each in compare(MERGED % "{<<: *base}", MERGED % "{type: object}")
        if each.code == "api-request-property-removed"
    )
    assert found.location == Location("old.yaml", 3, 16)
    assert found.pointer.endswith("/requestBody/content/application~1json/schema/properties/a")


@pytest.mark.parametrize("merging", ["{<<: 1}", "{<<: *base, <<: *closed}", "{<<: [*base, 1]}"])
def test_a_merge_key_of_something_else_is_refused(compare: Compare, merging: str) -> None:
    with pytest.raises(ContractError):
        compare(MERGED % merging, MERGED % "{}")


def test_merge_keys_that_repeat_without_end_are_refused(compare: Compare) -> None:
    lines = "".join(
        f"m{n}: &m{n} {{<<: [*m{n - 1}], a{n}: *m{n - 1}, b{n}: *m{n - 1}}}\n" for n in range(1, 40)
    )
    bomb = f"openapi: 3.0.3\nm0: &m0 {{x: 1}}\n{lines}"
    with pytest.raises(ContractError, match=r"repeat more than|nested more than"):
        compare(bomb, bomb)
