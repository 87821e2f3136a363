"""What a schema asks for, once its references and `allOf` are taken together, in the words of OpenAPI 3.0 and 3.1 alike.

Source: https://spec.openapis.org/oas/v3.0.4.html#schema-object and https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from aether_tools.breaking.library import Library
from aether_tools.breaking.places import Place, at, at_key
from aether_tools.compiler.openapi.document import Node

Schemas = tuple[Node, ...]
"""Schemas that hold together, as the parts of an `allOf` do."""

_UPPER: Final = ("maxLength", "maxItems", "maxProperties", "maxContains")
_LOWER: Final = ("minLength", "minItems", "minProperties", "minContains")
_FORMATS: Final = ("format", "contentEncoding", "contentMediaType")
_ANY_TEXT: Final = ("", ".*", "^.*$")
_OPAQUE: Final = (
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "propertyNames",
    "contains",
    "patternProperties",
    "unevaluatedItems",
    "contentSchema",
)
"""Keywords that only ever refuse values; one that is added narrows, and a change of its contents is not judged."""
_PUT_TOGETHER: Final = ("$ref", "allOf", "oneOf", "anyOf")
_MAX_PARTS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit: `number`, which itself is not allowed if `exclusive`."""

    number: float
    exclusive: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Members:
    """The alternatives of a `oneOf` or `anyOf`, without null."""

    keyword: str
    node: Node
    schemas: tuple[Node, ...]


@dataclass(slots=True)
class Shape:
    """What schemas that hold together ask for. `types` is None if any type fits; null is apart, in `null`."""

    schemas: Schemas
    place: Place
    types: frozenset[str] | None = None
    type_node: Node | None = None
    null: bool = False
    never: bool = False
    remote: frozenset[str] = frozenset()
    formats: dict[str, Node] = field(default_factory=dict)
    enum: dict[str, Place] | None = None
    enum_place: Place | None = None
    upper: dict[str, Bound] = field(default_factory=dict)
    lower: dict[str, Bound] = field(default_factory=dict)
    patterns: dict[str, Node] = field(default_factory=dict)
    multiples: dict[float, Node] = field(default_factory=dict)
    unique: Place | None = None
    properties: dict[str, tuple[Place, Schemas]] = field(default_factory=dict)
    required: dict[str, Place] = field(default_factory=dict)
    closed: Place | None = None
    """Where additional properties are refused."""
    additional: Schemas = ()
    items: Schemas = ()
    prefix: tuple[Node, ...] = ()
    groups: list[Members] = field(default_factory=list)
    lone: Node | None = None
    """The alternative of a choice that has only one, besides null."""
    default: tuple[str, Node] | None = None
    discriminator: Node | None = None
    read_only: bool = False
    write_only: bool = False
    opaque: dict[str, tuple[str, Node]] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether these schemas are no more than one choice of alternatives."""
        return len(self.groups) == 1 and not (self.properties or self.enum or self.items or self.required)


def canonical(value: object) -> str:
    """Return a JSON value as text that is equal for equal values: 1 and 1.0 are, "1" and 1 are not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


class Shapes:
    """Reads shapes of one side, each once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._read: dict[tuple[int, ...], Shape] = {}

    def of(self, schemas: Schemas) -> Shape:
        """Return the shape of schemas that hold together."""
        key = tuple(map(id, schemas))
        if key not in self._read:
            self._read[key] = self._shape(schemas)
        return self._read[key]

    def flag(self, schemas: Schemas, keyword: str) -> bool:
        """Return whether a schema, or one that it is put together from, has a keyword that is true, such as readOnly."""
        if any(word in schema for schema in schemas for word in _PUT_TOGETHER):
            shape = self.of(schemas)
            return shape.read_only if keyword == "readOnly" else shape.write_only
        return any(schema.flag(keyword) for schema in schemas)

    def name(self, schema: Node) -> str | None:
        """Return what a schema is called: the last word of its reference, or its title."""
        reference = schema.text("$ref")
        if reference is not None:
            return reference.rpartition("/")[2]
        return schema.text("title")

    def _shape(self, schemas: Schemas) -> Shape:
        shape = Shape(schemas, at(schemas[0]))
        remote: set[str] = set()
        for part in self._parts(schemas, shape, remote):
            _read_part(part, shape)
        shape.remote = frozenset(remote)
        _infer(shape)
        return shape

    def _parts(self, schemas: Iterable[Node], shape: Shape, remote: set[str]) -> Iterator[Node]:
        """Yield every schema that takes part, each once: targets of references, parts of `allOf`, a lone alternative."""
        seen: set[int] = set()
        waiting = list(reversed(list(schemas)))
        while waiting:
            node = waiting.pop()
            if len(seen) > _MAX_PARTS:
                self._library.refuse(
                    node,
                    "allof-size",
                    f"A schema is put together from more than {_MAX_PARTS:,} parts.",
                    "Write its properties into fewer schemas.",
                )
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node.text("$ref"), str):
                target = self._library.resolve(node)
                if target is None:
                    remote.add(node.text("$ref") or "")
                else:
                    waiting.append(target)
            yield node
            inner = list(node.listed("allOf"))
            for keyword in ("oneOf", "anyOf"):
                members = [each for each in node.listed(keyword) if not self._is_null(each)]
                if len(members) < len(list(node.listed(keyword))):
                    shape.null = True
                if len(members) == 1:
                    inner += members
                    shape.lone = shape.lone or members[0]
                elif members:
                    shape.groups.append(Members(keyword, node, tuple(members)))
            waiting += reversed(inner)

    def _is_null(self, schema: Node) -> bool:
        target = self._library.resolve(schema)
        return target is not None and _listed_types(target) == {"null"}


def _listed_types(schema: Node) -> set[str]:
    node = schema.get("type")
    if node is None:
        return set()
    if node.sequence is not None:
        return {str(each.scalar) for each in node.elements()}
    return {str(node.scalar)}


def _read_part(part: Node, shape: Shape) -> None:
    if part.scalar is False:
        shape.never = True
    _read_types(part, shape)
    _read_values(part, shape)
    _read_limits(part, shape)
    _read_object(part, shape)
    items = part.get("items")
    if items is not None:
        shape.items = (*shape.items, items)
    shape.prefix = shape.prefix or tuple(part.listed("prefixItems"))
    shape.read_only = shape.read_only or part.flag("readOnly")
    shape.write_only = shape.write_only or part.flag("writeOnly")
    if shape.discriminator is None:
        shape.discriminator = part.get("discriminator")
    for keyword in _OPAQUE:
        value = part.get(keyword)
        if value is not None:
            shape.opaque[keyword] = (canonical(value.plain()), value)


def _read_types(part: Node, shape: Shape) -> None:
    types = _listed_types(part)
    if part.flag("nullable") or "null" in types:
        shape.null = True
    types.discard("null")
    if types:
        shape.type_node = part.get("type")
        shape.types = frozenset(types) if shape.types is None else _both(shape.types, types)
    for keyword in _FORMATS:
        node = part.get(keyword)
        if node is not None and isinstance(node.scalar, str):
            shape.formats.setdefault(keyword, node)


def _both(some: frozenset[str], others: set[str]) -> frozenset[str]:
    common = some & others
    numbers = {"number", "integer"}
    if "integer" in (some | others) and numbers <= (some | others):
        common |= {"integer"}
    return frozenset(common)


def _read_values(part: Node, shape: Shape) -> None:
    enum, const, default = part.get("enum"), part.get("const"), part.get("default")
    nodes = [const] if const is not None else list(enum.elements()) if enum is not None else None
    if nodes is not None:
        values = {canonical(node.plain()): at(node) for node in nodes if node.plain() is not None}
        if len(values) < len(nodes) and shape.types is None:
            shape.null = True
        shape.enum = (
            values
            if shape.enum is None
            else {each: place for each, place in values.items() if each in shape.enum}
        )
        shape.enum_place = at_key(part, "const" if const is not None else "enum")
    if default is not None and shape.default is None:
        shape.default = (canonical(default.plain()), default)
    pattern = part.text("pattern")
    if pattern is not None and pattern not in _ANY_TEXT:
        shape.patterns.setdefault(pattern, part.get("pattern") or part)


def _read_limits(part: Node, shape: Shape) -> None:
    for keyword in _UPPER:
        _bound(part, keyword, keyword, shape.upper, upper=True)
    for keyword in _LOWER:
        _bound(part, keyword, keyword, shape.lower, upper=False)
    for keyword, exclusive, bounds, upper in (
        ("maximum", "exclusiveMaximum", shape.upper, True),
        ("minimum", "exclusiveMinimum", shape.lower, False),
    ):
        _bound(part, keyword, keyword, bounds, upper=upper, exclusive=part.flag(exclusive))
        _bound(part, exclusive, keyword, bounds, upper=upper, exclusive=True)
    number = _number(part.get("multipleOf"))
    if number:
        shape.multiples[number] = part.get("multipleOf") or part
    if part.flag("uniqueItems"):
        shape.unique = at_key(part, "uniqueItems")


def _bound(
    part: Node, keyword: str, name: str, bounds: dict[str, Bound], *, upper: bool, exclusive: bool = False
) -> None:
    number = _number(part.get(keyword))
    if number is None or (name in _LOWER and number <= 0):
        return
    bound = Bound(number, exclusive, at_key(part, keyword))
    if name not in bounds or tighter(bound, bounds[name], upper=upper):
        bounds[name] = bound


def tighter(bound: Bound, other: Bound, *, upper: bool) -> bool:
    """Return whether a limit allows fewer values than another one."""
    if bound.number == other.number:
        return bound.exclusive and not other.exclusive
    return bound.number < other.number if upper else bound.number > other.number


def _number(node: Node | None) -> float | None:
    if node is None or isinstance(node.scalar, bool) or not isinstance(node.scalar, int | float):
        return None
    return node.scalar


def _read_object(part: Node, shape: Shape) -> None:
    properties = part.get("properties")
    for name, schema in part.entries("properties"):
        known = shape.properties.get(name)
        place = at_key(properties, name) if properties is not None else at(schema)
        shape.properties[name] = (place, (schema,)) if known is None else (known[0], (*known[1], schema))
    for node in part.listed("required"):
        if isinstance(node.scalar, str):
            shape.required.setdefault(node.scalar, at(node))
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        others = part.get(keyword)
        if others is not None and others.scalar is False:
            shape.closed = at_key(part, keyword)
        elif others is not None and others.mapping:
            shape.additional = (*shape.additional, others)


def _infer(shape: Shape) -> None:
    if shape.types is not None or shape.groups:
        return
    if shape.properties or shape.required or shape.closed or shape.additional:
        shape.types = frozenset({"object"})
    elif shape.items or shape.prefix:
        shape.types = frozenset({"array"})
    elif shape.enum and all(value.startswith('"') for value in shape.enum):
        shape.types = frozenset({"string"})
