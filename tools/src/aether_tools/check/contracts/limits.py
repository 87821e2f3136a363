"""Checks that each schema has values: its limits, its pattern, its members and its examples agree."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module
from operator import itemgetter
from typing import Any, Final

from jsonschema_rs import Draft4Validator

from aether_tools.check.contracts.contract_source import Contract
from aether_tools.check.contracts.values import INTEGERS, first_error, validator_of
from aether_tools.compiler.openapi.document import Node
from aether_tools.finding import Finding

_parser: Any = import_module("re._parser")
"""Python's own parser of regular expressions, which knows the widths of a pattern, and which no stub describes."""
_OF_TYPE: Final = {
    "string": ("minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("items", "minItems", "maxItems", "uniqueItems"),
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
}
_PAIRS: Final = (
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minimum", "maximum"),
)
_RANGES: Final = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}
_FORMAT_NAMES: Final = (
    *(
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
    ),
    *(
        "uri-template",
        "iri",
        "uuid",
        "json-pointer",
        "regex",
        "byte",
        "binary",
        "password",
        "int64",
        "uint64",
        "etag",
    ),
    *("field-mask", "phone", "currency", "color"),
)
_SOMEINTEGERS: Final = tuple(
    sign + digit * length for sign in ("", "-") for digit in "0123456789" for length in range(1, 20)
)


def check_limits(contract: Contract) -> Iterator[Finding]:
    """Yield a finding for each schema that no value fits, each limit without effect, and each example that does not fit."""
    for node in contract.parts():
        if _is_schema(node):
            yield from _contradictions(contract, node)
            yield from _keywords(node)
            yield from _format(node)
            yield from _duplicates(node)


def has_values(contract: Contract, schema: Node) -> bool:
    """Return whether the schema's own limits leave it a value; otherwise no example or default could fit."""
    return not _is_schema(schema) or not any(_contradictions(contract, schema))


def _contradictions(contract: Contract, node: Node) -> Iterator[Finding]:
    yield from _pairs(node)
    yield from _inherited(contract, node)
    yield from _pattern(node)
    yield from _integers(node)
    yield from _empty(node)
    yield from _range(node)
    yield from _sizes(contract, node)
    yield from _members(contract, node)


def _is_schema(node: Node) -> bool:
    return node.text("type") is not None and node.text("in") is None and node.text("scheme") is None


def _number(node: Node, name: str) -> float | None:
    value = node.get(name)
    number = None if value is None else value.scalar
    return number if isinstance(number, int | float) and not isinstance(number, bool) else None


def _pairs(node: Node) -> Iterator[Finding]:
    for low, high in _PAIRS:
        least, most = _number(node, low), _number(node, high)
        if least is None or most is None:
            continue
        exclusive = least == most and (node.flag("exclusiveMinimum") or node.flag("exclusiveMaximum"))
        if least > most or (low == "minimum" and exclusive):
            yield Finding(
                node.key(low),
                "contract-limits",
                f"No value fits: {low} is {least:g}, and {high} is {most:g}{' and excluded' if exclusive else ''}.",
                "Correct one of the two.",
            )
        step = _number(node, "multipleOf")
        if low == "minimum" and step and least <= most and math.floor(most / step) * step < least:
            yield Finding(
                node.key("multipleOf"),
                "contract-limits",
                f"No value fits: no multiple of {step:g} is between {least:g} and {most:g}.",
                "Correct one of the three.",
            )


def _inherited(contract: Contract, node: Node) -> Iterator[Finding]:
    """Check that a limit fits the other one, which a part of the allOf has."""
    parts = [part for each in node.listed("allOf") if (part := contract.document.resolve(each)) is not None]
    for low, high in _PAIRS if parts else ():
        lows = [(value, each) for each in (node, *parts) if (value := _number(each, low)) is not None]
        highs = [(value, each) for each in (node, *parts) if (value := _number(each, high)) is not None]
        if not lows or not highs:
            continue
        (least, owner), (most, other) = max(lows, key=itemgetter(0)), min(highs, key=itemgetter(0))
        if least > most and owner is not other:
            yield Finding(
                (node if low in node else owner).key(low),
                "contract-limits",
                f"No value fits the whole allOf: {low} is {least:g}, and {high} is {most:g} at line {other.key(high).line}.",
                "Correct one of the two.",
            )


def _keywords(node: Node) -> Iterator[Finding]:
    kind = {"integer": "number"}.get(node.text("type") or "", node.text("type") or "")
    for other, names in _OF_TYPE.items():
        for name in names if other != kind and kind != "" else ():
            if name in node:
                instead = " Write a pattern." if kind == "string" and other == "number" else ""
                yield Finding(
                    node.key(name),
                    "contract-keyword",
                    f"`{name}` has no effect on a value of type {node.text('type')}.",
                    f"Remove it, or correct the type.{instead}",
                )
    for name, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if node.flag(name) and bound not in node and kind == "number":
            yield Finding(
                node.key(name),
                "contract-keyword",
                f"`{name}` has no effect without `{bound}`.",
                f"Write {bound}, or remove it.",
            )


def widths(pattern: str) -> tuple[int, int | None]:
    """Return the least and the greatest length of a text that a pattern matches as a whole. None if there is no greatest.

    A pattern that Python cannot parse has any length.
    """
    try:
        low, high = _parser.parse(pattern).getwidth()
    except (re.error, RecursionError, OverflowError):
        return 0, None
    anchored = pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$")
    alternatives = "|" in re.sub(r"\([^()]*\)|\[[^\]]*\]|\\.", "", pattern)
    bounded = anchored and not alternatives and high < int(_parser.MAXREPEAT)
    return low, high if bounded else None


def _pattern(node: Node) -> Iterator[Finding]:
    pattern = node.text("pattern")
    if pattern is None or node.text("type") != "string":
        return
    low, high = widths(pattern)
    most, least = _number(node, "maxLength"), _number(node, "minLength")
    if most is not None and low > most:
        reason = f"the pattern needs at least {low} characters, and maxLength is {most:g}"
    elif least is not None and high is not None and high < least:
        reason = f"the pattern allows at most {high} characters, and minLength is {least:g}"
    else:
        return
    yield Finding(
        node.key("pattern"), "contract-limits", f"No value fits: {reason}.", "Correct one of the two."
    )


def _format(node: Node) -> Iterator[Finding]:
    """Check that a format is no misspelt one, which would have no effect."""
    name = node.text("format")
    if node.text("type") == "string" and name is not None and name not in _FORMAT_NAMES:
        for meant in get_close_matches(name, _FORMAT_NAMES, 1, 0.75):
            yield Finding(
                node.key("format"),
                "contract-keyword",
                f"`{name}` is no format that anything knows, so it has no effect.",
                f"Did you mean `{meant}`?",
            )


def _integers(node: Node) -> Iterator[Finding]:
    """Check that some integer, written as text, fits the pattern."""
    name, pattern = node.text("format"), node.text("pattern")
    if node.text("type") == "string" and name in INTEGERS and pattern is not None:
        try:
            fits = Draft4Validator({"pattern": pattern}).is_valid
        except ValueError:
            return  # the compiler reports it
        if not any(map(fits, _SOMEINTEGERS)):
            yield Finding(
                node.key("pattern"),
                "contract-limits",
                f"No value fits: the pattern matches no integer of format {name}.",
                "Correct the pattern, or the type in both contracts.",
            )


def _empty(node: Node) -> Iterator[Finding]:
    if node.text("type") == "string" and _number(node, "maxLength") == 0 and not _number(node, "minLength"):
        yield Finding(
            node.key("maxLength"),
            "contract-limits",
            "Only the empty text fits: maxLength is 0.",
            "Write the greatest length.",
        )


def _range(node: Node) -> Iterator[Finding]:
    bounds = _RANGES.get(node.text("format") or "")
    if bounds is None:
        return
    for name in ("minimum", "maximum"):
        value = _number(node, name)
        if value is not None and not bounds[0] <= value <= bounds[1]:
            yield Finding(
                node.key(name),
                "contract-limits",
                f"{name} {value:.0f} is beyond {node.text('format')}, which ends at {bounds[name == 'maximum']}.",
                "Write a limit that the field can hold, or another type in both contracts.",
            )


def _sizes(contract: Contract, node: Node) -> Iterator[Finding]:
    """Check how many items a list of different ones can have, and how many properties a closed object."""
    items = node.get("items")
    target = None if items is None else contract.document.resolve(items)
    members = [] if target is None else list(target.listed("enum"))
    least = _number(node, "minItems")
    if node.flag("uniqueItems") and members and least is not None and least > len(members):
        yield Finding(
            node.key("minItems"),
            "contract-limits",
            f"No value fits: minItems is {least:g}, and there are {len(members)} different items.",
            "Correct minItems, or remove uniqueItems.",
        )
    most, required = _number(node, "maxProperties"), list(node.listed("required"))
    if most is not None and most < len(required):
        yield Finding(
            node.key("maxProperties"),
            "contract-limits",
            f"No value fits: {len(required)} properties are required, and maxProperties is {most:g}.",
            "Correct one of the two.",
        )
    closed = node.get("additionalProperties")
    least, known = _number(node, "minProperties"), len(list(node.entries("properties")))
    if closed is not None and closed.scalar is False and least is not None and least > known:
        yield Finding(
            node.key("minProperties"),
            "contract-limits",
            f"No value fits: minProperties is {least:g}, and there are {known} properties.",
            "Correct one of the two.",
        )


def _duplicates(node: Node) -> Iterator[Finding]:
    seen: set[str] = set()
    for member in node.listed("enum"):
        value = repr(member.plain())
        if value in seen:
            yield Finding(
                member.location,
                "contract-duplicate",
                f"{value} is already in this enum.",
                "Remove it, or write the member that was meant.",
            )
        seen.add(value)


def _members(contract: Contract, node: Node) -> Iterator[Finding]:
    """Check that each member of an enum fits the other keywords."""
    limits = {name: value.plain() for name, value in node.items() if name != "enum"}
    validator = validator_of(contract, limits) if "enum" in node else None
    if validator is None:
        return
    for member in node.listed("enum"):
        value = member.plain()
        if value is not None and not validator.is_valid(value):
            yield Finding(
                member.location,
                "contract-limits",
                f"The member {value!r} does not fit its own schema: {first_error(validator, value)}.",
                "Correct the member, or the keyword that excludes it.",
            )
