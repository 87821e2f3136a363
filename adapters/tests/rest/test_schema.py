"""Tests of OpenAPI 3.0 schemas compiled to JSON Schema Draft 4."""

from __future__ import annotations

from typing import Any

import pytest
from aether_adapters.rest.schema import Schema

NODE = {
    "type": "object",
    "required": ["value", "id"],
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "value": {"type": "integer"},
        "next": {"$ref": "#/components/schemas/Node"},
        "a/b~c": {"type": "array", "items": {"type": "boolean"}},
    },
}
DOCUMENT: dict[str, Any] = {"components": {"schemas": {"Node": NODE}}}


def test_a_recursive_schema_is_followed_to_any_depth() -> None:
    schema = Schema({"$ref": "#/components/schemas/Node"}, DOCUMENT)
    assert schema.is_valid({"value": 1, "next": {"value": 2, "next": {"value": 3}}})
    wrong = {"value": 1, "next": {"value": 2, "next": {"value": "3"}}}
    assert schema.errors(wrong) == (
        {"pointer": "/next/next/value", "reason": 'the value is not of type "integer"'},
    )


def test_a_read_only_property_may_be_required_but_not_sent() -> None:
    schema = Schema({"$ref": "#/components/schemas/Node"}, DOCUMENT)
    assert schema.is_valid({"value": 1})
    [error] = schema.errors({"value": 1, "id": "7"})
    assert error == {"pointer": "/id", "reason": "is read-only: the service sets it"}


def test_pointers_are_escaped_as_rfc_6901_says() -> None:
    schema = Schema({"$ref": "#/components/schemas/Node"}, DOCUMENT)
    assert schema.errors({"value": 1, "a/b~c": [True, 0]})[0]["pointer"] == "/a~1b~0c/1"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "nullable": True},
        {"type": "string", "enum": ["a"], "nullable": True},
        {"nullable": True, "allOf": [{"type": "string"}]},
        {"nullable": True, "oneOf": [{"type": "string"}, {"type": "integer"}]},
    ],
)
def test_nullable_admits_null_and_nothing_else(schema: dict[str, Any]) -> None:
    compiled = Schema(schema, {})
    assert compiled.is_valid(None) and compiled.is_valid("a")
    assert not compiled.is_valid(1.5) and not compiled.is_valid([])
    strict = Schema({key: value for key, value in schema.items() if key != "nullable"}, {})
    assert not strict.is_valid(None)


def test_draft_4_keywords_keep_their_meaning() -> None:
    schema = Schema(
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "example": "x", "x-field": "y"}, {}
    )
    assert schema.is_valid(1) and not schema.is_valid(0)
    assert not schema.is_valid(1.0)


def test_errors_are_limited_in_number_and_length() -> None:
    schema = Schema({"type": "array", "items": {"type": "string"}}, {})
    assert len(schema.errors(list(range(1000)))) == 20
    closed = Schema({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, {})
    assert len(closed.errors({"x" * 10_000: 1})[0]["reason"]) == 200


@pytest.mark.parametrize(
    ("schema", "admits"),
    [
        ({"type": "integer"}, False),
        ({"type": "number"}, True),
        ({}, True),
        ({"type": "array"}, True),
        ({"enum": ["a"]}, False),
        ({"$ref": "#/components/schemas/Node"}, False),
        ({"type": "object", "additionalProperties": {"type": "number"}}, True),
        ({"type": "object", "additionalProperties": True}, True),
        ({"type": "object", "additionalProperties": False, "properties": {"a": {"type": "string"}}}, False),
        ({"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "number"}}]}, True),
    ],
)
def test_admits_floats_tells_whether_any_part_accepts_a_float(schema: dict[str, Any], admits: bool) -> None:
    assert Schema(schema, DOCUMENT).admits_floats is admits


def test_a_schema_with_a_dangling_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="Nobody"):
        Schema({"$ref": "#/components/schemas/Nobody"}, DOCUMENT)


TREE: dict[str, Any] = {
    "Tree": {
        "oneOf": [{"$ref": "#/components/schemas/Left"}, {"$ref": "#/components/schemas/Right"}],
    },
    "Left": {
        "type": "object",
        "required": ["left"],
        "properties": {"left": {}, "child": {"$ref": "#/components/schemas/Tree"}},
    },
    "Right": {"type": "object", "properties": {"right": {}, "child": {"$ref": "#/components/schemas/Tree"}}},
    "Pair": {"allOf": [{"$ref": "#/components/schemas/Half"}, {"$ref": "#/components/schemas/OtherHalf"}]},
    "Half": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Pair"}}},
    "OtherHalf": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Pair"}}},
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["Tree", "Pair"])
def test_alternatives_and_parts_that_recur_are_explained_at_any_depth(name: str) -> None:
    """Collected naively, the errors at depth 100 take longer than the universe has lasted."""
    schema = Schema({"$ref": f"#/components/schemas/{name}"}, {"components": {"schemas": TREE}})
    value: Any = "wrong"
    for _ in range(99):
        value = {"child": value}
    assert not schema.is_valid(value)
    assert len(schema.errors(value)) == 1


@pytest.mark.timeout(20)
def test_a_value_wrong_in_very_many_places_is_explained_by_the_first() -> None:
    schema = Schema({"type": "array", "items": {"type": "object"}}, {})
    assert schema.errors([{}] * 1000 + [1] * 2_000_000) == (
        {"pointer": "/1000", "reason": 'the value is not of type "object"'},
    )


def test_alternatives_tell_whether_none_or_several_fit() -> None:
    number, integer = {"type": "number"}, {"type": "integer"}
    schema = Schema({"type": "object", "properties": {"a": {"oneOf": [number, integer]}}}, {})
    none, several = (schema.errors({"a": value}) for value in ("x", 1))
    assert [error["pointer"] for error in (*none, *several)] == ["/a", "/a"]
    assert "not valid under any" in none[0]["reason"] and "more than one" in several[0]["reason"]


@pytest.mark.timeout(20)
def test_a_pattern_that_backtracks_without_end_gives_up() -> None:
    schema = Schema({"type": "string", "pattern": "(?=a)(a+)+$"}, {})
    assert not schema.is_valid("a" * 20_000 + "!")
    assert schema.errors("a" * 20_000 + "!")
