"""Tests of parameters: from text to the value that the contract declares."""

from __future__ import annotations

from typing import Any

import pytest
from aether_adapters.kernel.errors import Malformed
from aether_adapters.rest.parameters import Parameter, decoded


def parameter(schema: dict[str, Any], location: str = "query", **more: Any) -> Parameter:
    return Parameter({"name": "p", "in": location, "schema": schema, **more}, {})


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "string"}, "", ""),
        ({"type": "integer"}, "-7", -7),
        ({"type": "integer", "format": "int64"}, "9223372036854775807", 2**63 - 1),
        ({"type": "integer", "format": "uint64"}, "18446744073709551615", 2**64 - 1),
        ({"type": "string", "format": "int64"}, "-9223372036854775808", "-9223372036854775808"),
        ({"type": "number"}, "1", 1.0),
        ({"type": "number"}, "-2.5e-3", -0.0025),
        ({"type": "boolean"}, "true", True),
        ({"type": "string", "format": "date-time"}, "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ({"type": "string", "enum": ["A", "B"]}, "B", "B"),
    ],
)
def test_a_valid_text_is_converted(schema: dict[str, Any], text: str, value: object) -> None:
    read = parameter(schema).read([text])
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("schema", "text", "reason"),
    [
        ({"type": "integer"}, "1.5", "must be an integer"),
        ({"type": "integer"}, "1_0", "must be an integer"),
        ({"type": "integer"}, "18446744073709551616", "must be between"),
        ({"type": "integer", "format": "int32"}, "2147483648", "must be between -2147483648 and 2147483647"),
        ({"type": "integer", "format": "uint32"}, "-1", "must be between 0 and 4294967295"),
        ({"type": "string", "format": "int64"}, "9223372036854775808", "must be between"),
        ({"type": "string", "format": "uint64"}, "-1", "must be between 0"),
        ({"type": "string", "format": "uint64"}, "x", "must be an integer"),
        ({"type": "number"}, "nan", "must be a finite number"),
        ({"type": "number"}, "1e999", "must be a finite number"),
        ({"type": "boolean"}, "1", "must be true or false"),
        ({"type": "integer", "minimum": 3}, "2", "minimum of 3"),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": True}, "1", "maximum"),
        ({"type": "string", "pattern": "^a$"}, "a\n", "does not match"),
        ({"type": "string", "maxLength": 2}, "ünï", "longer than 2"),
        ({"type": "string", "enum": ["A"]}, "a", "is not one of"),
        ({"type": "string", "format": "date-time"}, "yesterday", "date-time"),
        ({"type": "string"}, "a\0b", "NUL"),
    ],
)
def test_an_invalid_text_is_refused_with_the_parameters_name(
    schema: dict[str, Any], text: str, reason: str
) -> None:
    with pytest.raises(Malformed, match=reason) as caught:
        parameter(schema).read([text])
    assert caught.value.pointer.startswith("p")


LIST = {"type": "array", "maxItems": 3, "items": {"type": "integer", "maximum": 9}}


@pytest.mark.parametrize(
    ("texts", "value", "more"),
    [
        (["1", "2"], [1, 2], {}),
        (["1,2"], [1, 2], {"explode": False}),
        (["1 2"], [1, 2], {"style": "spaceDelimited"}),
        (["1|2"], [1, 2], {"style": "pipeDelimited"}),
    ],
)
def test_a_list_is_read_in_its_style(texts: list[str], value: list[int], more: dict[str, Any]) -> None:
    assert parameter(LIST, **more).read(texts) == value


def test_a_list_in_a_header_is_separated_by_commas() -> None:
    assert parameter(LIST, "header").read(["1,2,3"]) == [1, 2, 3]


def test_each_item_and_the_list_itself_are_checked() -> None:
    for texts in (["1", "10"], ["1", "x"], ["1", "2", "3", "4"]):
        with pytest.raises(Malformed):
            parameter(LIST).read(texts)
    with pytest.raises(Malformed, match="sent once"):
        parameter(LIST, explode=False).read(["1", "2"])
    with pytest.raises(Malformed, match="sent once"):
        parameter({"type": "string"}).read(["1", "2"])


def test_a_default_of_null_is_a_default() -> None:
    with_null = parameter({"type": "string", "nullable": True, "default": None})
    assert (with_null.has_default, with_null.default) == (True, None)
    assert not parameter({"type": "string"}).has_default


@pytest.mark.parametrize(
    ("schema", "more", "reason"),
    [
        ({"type": "object"}, {}, "object parameters"),
        ({"type": "string"}, {"style": "deepObject"}, "style deepObject"),
        ({"type": "array", "items": {"type": "array"}}, {}, "inside another"),
        ({"type": "string"}, {"content": {"application/json": {}}}, "content-typed"),
        ({"type": "string", "pattern": "("}, {}, "regex"),
    ],
)
def test_an_unsupported_parameter_is_refused_at_start_up(
    schema: dict[str, Any], more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        parameter(schema, **more)


def test_percent_decoding_is_strict_utf8_and_plus_is_a_space_in_a_query_only() -> None:
    assert decoded("a+b%2Bc%C3%BC", "p", plus=True) == "a b+cü"
    assert decoded("a+b", "p") == "a+b"
    with pytest.raises(Malformed, match="not UTF-8"):
        decoded("%ff", "p")
