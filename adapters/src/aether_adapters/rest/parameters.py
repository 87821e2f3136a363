"""Converts parameters from text to the JSON values that their schemas declare."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.text import NUL_REFUSED
from aether_adapters.rest.explanations import undecided
from aether_adapters.rest.problems import SchemaViolations
from aether_adapters.rest.schema import Schema

Json = Any

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,19})", re.ASCII)
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_RANGES: Final = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_ANY_INTEGER: Final = (-(2**63), 2**64 - 1)
_CONSTRAINTS: Final = frozenset(
    [
        "enum",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
    ]
)
_CHECKED_FORMATS: Final = frozenset(["date-time", "date", "email", "ipv4", "ipv6", "uri", "uuid", "hostname"])
_SEPARATORS: Final = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}

Convert = Callable[[str, str], Json]


class Parameter:
    """One declared parameter; `name` is its name in the contract.

    Its constructor raises `ValueError` for unsupported ones: objects, cookies, content-typed, unknown styles.
    """

    __slots__ = (
        "_convert",
        "_exploded",
        "_is_array",
        "_schema",
        "_separator",
        "default",
        "has_default",
        "name",
        "required",
    )

    def __init__(self, declared: Mapping[str, Json], document: Mapping[str, Json]) -> None:
        self.name: str = declared["name"]
        schema: Mapping[str, Json] = declared.get("schema", {"type": "string"})
        if "content" in declared:
            raise ValueError(f"parameter {self.name}: content-typed parameters are not supported; use schema")
        location = declared["in"]
        style = declared.get("style", "form" if location == "query" else "simple")
        if style not in _SEPARATORS:
            raise ValueError(f"parameter {self.name}: style {style} is not supported")
        kind = schema.get("type", "string")
        if kind == "object":
            raise ValueError(
                f"parameter {self.name}: object parameters are not supported; use one for each value"
            )
        self._is_array = kind == "array"
        self._exploded = self._is_array and location == "query" and declared.get("explode", style == "form")
        self._separator = _SEPARATORS[style]
        self.required = bool(declared.get("required", False))
        self.has_default = "default" in schema
        self.default: Json = schema.get("default")
        item: Mapping[str, Json] = schema.get("items", {}) if self._is_array else schema
        self._convert = _converter(item)
        self._schema = Schema(schema, document) if _constrained(schema) or _constrained(item) else None

    def read(self, texts: list[str]) -> Json:
        """Return the value of `texts`, one text for each time the parameter was sent.

        Raises `Malformed` with the parameter's name as pointer.
        """
        if len(texts) > 1 and not self._exploded:
            raise Malformed(self.name, "must be sent once")
        if self._is_array:
            parts = texts if self._exploded else texts[0].split(self._separator)
            value: Json = [self._convert(part, self.name) for part in parts]
        else:
            value = self._convert(texts[0], self.name)
        if self._schema is not None:
            self._check(self._schema, value)
        return value

    def _check(self, schema: Schema, value: Json) -> None:
        try:
            if schema.is_valid(value):
                return
            errors = schema.errors(value, self.name)
        except BaseException as error:  # a panic in the Rust library is no Exception
            raise undecided(error) from None
        raise SchemaViolations(errors)


def decoded(text: str, name: str, *, plus: bool = False) -> str:
    """Percent-decode UTF-8; `plus` reads "+" as a space, as in a query.

    Raises `Malformed` if the bytes are not UTF-8.
    """
    if plus and "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(name, "is not UTF-8") from None


def _constrained(schema: Mapping[str, Json]) -> bool:
    return (
        "$ref" in schema
        or not _CONSTRAINTS.isdisjoint(schema)
        or (schema.get("type", "string") == "string" and schema.get("format") in _CHECKED_FORMATS)
    )


def _converter(schema: Mapping[str, Json]) -> Convert:
    match schema.get("type", "string"):
        case "string":
            if schema.get("format") in ("int64", "uint64"):
                return _decimal(*_RANGES[schema["format"]])
            return _text
        case "integer":
            return _integer(*_RANGES.get(schema.get("format", ""), _ANY_INTEGER))
        case "number":
            return _number
        case "boolean":
            return _boolean
        case other:
            raise ValueError(f"parameters of type {other} inside another are not supported")


def _text(text: str, name: str) -> str:
    if "\x00" in text:  # databases and C libraries refuse it
        raise Malformed(name, NUL_REFUSED)
    return text


def _integer(least: int, most: int) -> Convert:
    def convert(text: str, name: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise Malformed(name, "must be an integer")
        value = int(text)
        if not least <= value <= most:
            raise Malformed(name, f"must be between {least} and {most}")
        return value

    return convert


def _decimal(least: int, most: int) -> Convert:
    check = _integer(least, most)

    def convert(text: str, name: str) -> str:
        check(text, name)
        return text

    return convert


def _number(text: str, name: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise Malformed(name, "must be a finite number")
    return value


def _boolean(text: str, name: str) -> bool:
    if text == "true":
        return True
    if text == "false":
        return False
    raise Malformed(name, "must be true or false")
