"""Whether a schema and a field say the same thing, by the ProtoJSON mapping.

Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

from typing import Final

from aether_tools.compiler.binding import (
    NOTHING,
    Conversion,
    Direction,
    Many,
    Object,
    One,
    Origin,
    Pair,
    Source,
    Table,
)
from aether_tools.compiler.model import (
    Contracts,
    EnumRef,
    EnumType,
    Field,
    Message,
    MessageRef,
    Scalar,
    WellKnown,
)
from aether_tools.compiler.openapi_document import Findings, Node
from aether_tools.compiler.openapi_schema import Schemas, Shape

_INT32: Final = frozenset({Scalar.INT32, Scalar.SINT32, Scalar.SFIXED32})
_UINT32: Final = frozenset({Scalar.UINT32, Scalar.FIXED32})
_INT64: Final = frozenset({Scalar.INT64, Scalar.SINT64, Scalar.SFIXED64})
_UINT64: Final = frozenset({Scalar.UINT64, Scalar.FIXED64})

_TAKEN: Final = frozenset({"int64", "uint64", "byte", "binary", "etag"})
"""Formats of a string that a plain string field does not have."""


def wanted(kind: Scalar | WellKnown) -> tuple[str | None, tuple[str | None, ...]]:
    """The `type` of a value in JSON, and the `format`s it may have; the first is what to write."""
    if isinstance(kind, WellKnown) and kind.wraps is not None:
        return wanted(kind.wraps)
    if kind in _INT32:
        return "integer", ("int32",)
    if kind in _UINT32:
        return "integer", ("uint32",)
    if kind in _INT64:
        return "string", ("int64",)
    if kind in _UINT64:
        return "string", ("uint64",)
    match kind:
        case Scalar.DOUBLE:
            return "number", ("double", None)
        case Scalar.FLOAT:
            return "number", ("float", None)
        case Scalar.BOOL:
            return "boolean", (None,)
        case Scalar.BYTES:
            return "string", ("byte",)
        case WellKnown.TIMESTAMP:
            return "string", ("date-time",)
        case WellKnown.DURATION:
            return "string", ("duration", None)
        case WellKnown.FIELD_MASK:
            return "string", (None, "field-mask")
        case WellKnown.STRUCT | WellKnown.EMPTY:
            return "object", (None,)
        case WellKnown.LIST_VALUE:
            return "array", (None,)
        case WellKnown.VALUE:
            return None, (None,)
        case _:
            return "string", (None,)


def is_required(field: Field, enums: dict[str, EnumType]) -> bool:
    """Whether the pure type cannot do without the field: a message or enum that is not `optional`."""
    if field.repeated or field.map_key is not None or field.nullable or field.oneof is not None:
        return False
    if isinstance(field.type, EnumRef):
        return enums[field.type.full_name].zero is None
    return not isinstance(field.type, Scalar)


def message_of(field: Field, contracts: Contracts) -> Message:
    """The message a field holds; raises `TypeError` where it holds none."""
    if not isinstance(field.type, MessageRef):
        raise TypeError(f"{field.name} holds no message")
    return contracts.messages[field.type.full_name]


def always_written(field: Field) -> bool:
    """Whether a response always carries the field: it has no presence, or cannot be absent."""
    return not field.nullable and field.oneof is None


def described(field: Field, contracts: Contracts) -> str:
    """A field's type, as its proto file would say it."""
    kind = field.type
    name = kind.value if isinstance(kind, Scalar | WellKnown) else kind.full_name.removeprefix(".")
    if field.map_key is not None:
        return f"map<{field.map_key.value}, {name}>"
    words = ("repeated " if field.repeated else "") + ("optional " if field.optional else "")
    return words + name.removeprefix(f"{contracts.workspace}.")


class Agreement:
    """Compares schemas with fields; remembers each pair of message and schema it has seen."""

    def __init__(self, contracts: Contracts, schemas: Schemas, findings: Findings) -> None:
        self.contracts = contracts
        self.pairs: list[Pair] = []
        self._schemas = schemas
        self._findings = findings
        self._known: dict[tuple[str, str, Direction, frozenset[str | None]], int] = {}

    def field(self, node: Node, field: Field, direction: Direction) -> Conversion | None:
        """How a field's value is converted, given its schema; None where they disagree, which has been said."""
        shape = self._schemas.shape(node)
        if shape is None:
            return None
        self._nullable(shape, field.nullable or field.type is WellKnown.VALUE, field, node)
        if field.map_key is not None:
            return self._table(shape, field, direction, node)
        if field.repeated:
            items = shape.keywords.get("items")
            if shape.type != "array" or items is None:
                self._disagree(node, field, "type: array, with its items")
                return None
            item = self._item(items, field, direction)
            return None if item is None else Many(item)
        return self._one(shape, field, direction, node)

    def _item(self, node: Node, field: Field, direction: Direction) -> One | Object | None:
        shape = self._schemas.shape(node)
        if shape is None:
            return None
        self._nullable(shape, field.type is WellKnown.VALUE, field, node)
        return self._one(shape, field, direction, node)

    def _table(self, shape: Shape, field: Field, direction: Direction, node: Node) -> Conversion | None:
        entries = shape.entries
        if entries is None and field.type is WellKnown.VALUE and shape.free and field.map_key is not None:
            return Table(field.map_key, One(WellKnown.VALUE))
        if shape.type != "object" or entries is None or shape.properties or field.map_key is None:
            self._disagree(node, field, "type: object, with additionalProperties: <schema of a value>")
            return None
        item = self._item(entries, field, direction)
        return None if item is None else Table(field.map_key, item)

    def _one(self, shape: Shape, field: Field, direction: Direction, node: Node) -> One | Object | None:
        kind = field.type
        if isinstance(kind, MessageRef):
            if kind.full_name == self.contracts.caller:
                self._findings.add(
                    node,
                    "caller",
                    "The caller is verified from the token; no contract shows it.",
                    "Leave this property out.",
                )
                return None
            if shape.type != "object" or shape.free or shape.entries is not None:
                self._disagree(node, field, "type: object, with the message's fields as properties")
                return None
            return Object(self.pair(self.contracts.messages[kind.full_name], shape, direction))
        if isinstance(kind, EnumRef):
            return self._enum(shape, field, self.contracts.enums[kind.full_name], node)
        return self._scalar(shape, field, kind, node)

    def _scalar(self, shape: Shape, field: Field, kind: Scalar | WellKnown, node: Node) -> One | None:
        scalar = kind.wraps if isinstance(kind, WellKnown) else kind
        if shape.format == "etag" and scalar in _INT64:
            return One(kind, etag=True)
        type_, formats = wanted(kind)
        fits = shape.type == type_ and (shape.format in formats)
        if scalar is Scalar.STRING:
            fits = shape.type == "string" and shape.format not in _TAKEN
        if kind is WellKnown.STRUCT:
            fits = shape.free
        if kind is WellKnown.EMPTY:
            fits = shape.type == "object" and not shape.properties and shape.entries is None
        if kind is WellKnown.VALUE:
            fits = shape.type is None and not shape.properties
        if kind is WellKnown.LIST_VALUE:
            items = shape.keywords.get("items")
            fits = fits and items is not None and not items.mapping
        if kind is WellKnown.DURATION:
            fits = fits and (shape.format is not None or "pattern" in shape.keywords)
        if scalar is Scalar.STRING and "enum" in shape.keywords:
            values = [element.scalar for element in shape.keywords["enum"].elements()]
            fits = fits and all(
                isinstance(value, str) or (value is None and shape.nullable) for value in values
            )
        if not fits:
            self._disagree(node, field, _as_schema(kind))
            return None
        return One(kind, bounded=_bounded(shape, scalar))

    def _enum(self, shape: Shape, field: Field, enum: EnumType, node: Node) -> One | None:
        names = [member.name for member in enum.members]
        values = shape.keywords.get("enum")
        if shape.type != "string" or values is None:
            self._disagree(node, field, f"type: string, enum: [{', '.join(names)}]")
            return None
        listed = [
            element for element in values.elements() if element.scalar is not None or not shape.nullable
        ]
        for element in listed:
            if element.scalar not in names:
                hint = (
                    "it is unset, and no value"
                    if str(element.scalar).endswith("_UNSPECIFIED")
                    else "it is none"
                )
                self._findings.add(
                    element,
                    "enum",
                    f"{element.scalar!r} is no member of {enum.full_name}: {hint}.",
                    f"Write the proto's names: {', '.join(names)}.",
                )
        missing = [name for name in names if name not in [element.scalar for element in listed]]
        if missing:
            self._findings.add(
                values,
                "enum",
                f"The enum leaves out {', '.join(missing)} of {enum.full_name}.",
                f"List every member: {', '.join(names)}.",
            )
        return One(EnumRef(enum.full_name))

    def _nullable(self, shape: Shape, may_be_null: bool, field: Field, node: Node) -> None:
        if shape.nullable and not may_be_null:
            self._findings.add(
                node,
                "nullable",
                f"null has no meaning for {field.name}: {described(field, self.contracts)}.",
                "Drop `nullable`, or mark the proto field `optional`.",
            )

    def _disagree(self, node: Node, field: Field, write: str) -> None:
        self._findings.add(
            node,
            "type",
            f"This schema does not fit {field.name}: {described(field, self.contracts)} ({field.place}).",
            f"Write {write}; or change the proto field.",
        )

    def pair(
        self, message: Message, shape: Shape, direction: Direction, absent: frozenset[str] = frozenset()
    ) -> int:
        """The pair of a message and an object schema: an index into `pairs`.

        `absent` are proto names of fields that may do without a property, for they have their partner elsewhere.
        """
        missing = absent - {self._field_name(name, node, message) for name, node in shape.properties.items()}
        key = (message.full_name, shape.key, direction, missing)
        if key in self._known:
            return self._known[key]
        index = self._known[key] = len(self.pairs)
        pair = Pair(message, direction, shape.name)
        self.pairs.append(pair)
        self.fill(pair, shape, absent)
        return index

    def _field_name(self, name: str, node: Node, message: Message) -> str | None:
        """The proto name a property stands for, where it can be told."""
        shape = self._schemas.shape(node)
        given = None if shape is None else shape.keywords.get("x-field")
        if given is not None:
            return str(given.scalar)
        field = message.by_json_name(name)
        return None if field is None else field.name

    def fill(self, pair: Pair, shape: Shape, absent: frozenset[str]) -> None:
        """Bind every property of an object schema to a field of a message, and every field to a property.

        `absent` are proto names of fields that have their partner elsewhere.
        """
        bound: dict[str, str] = {}
        for name, node in shape.properties.items():
            field = self.partner(name, node, pair.message)
            if field is None:
                continue
            if field.name in bound:
                self._findings.add(
                    node,
                    "duplicate-binding",
                    f"{name!r} and {bound[field.name]!r} are both {pair.message.full_name}.{field.name}.",
                    "Keep one of them, or bind it to another field with x-field.",
                )
                continue
            bound[field.name] = name
            self._property(pair, shape, name, node, field)
        for field in pair.message.fields:
            if field.name not in bound and field.name not in absent and not self._is_caller(field):
                self._findings.add(
                    shape.node,
                    "field-without-partner",
                    f"{pair.message.full_name}.{field.name} ({field.place}) has no property here.",
                    f"Add property {field.json_name!r} ({_as_schema(field.type)}), or remove the field.",
                )
        for name, node in shape.required.items():
            if name not in shape.properties:
                self._findings.add(
                    node, "required", f"{name!r} is required and no property.", "Declare it, or drop it."
                )
        pair.exclusive = self._oneofs(pair, shape)

    def _is_caller(self, field: Field) -> bool:
        return isinstance(field.type, MessageRef) and field.type.full_name == self.contracts.caller

    def partner(self, name: str, node: Node, message: Message) -> Field | None:
        """The field a property stands for: by x-field, else by its ProtoJSON name."""
        shape = self._schemas.shape(node)
        given = None if shape is None else shape.keywords.get("x-field")
        field = message.field(self._field_name(name, node, message) or "")
        if field is None:
            known = ", ".join(sorted(each.json_name for each in message.fields if not self._is_caller(each)))
            self._findings.add(
                given or node,
                "property-without-field",
                f"{message.full_name} has no field for property {name!r}.",
                f"Bind it with x-field: <proto name>, remove it, or write one of: {known or 'nothing'}.",
            )
        elif self._is_caller(field):
            self._findings.add(
                node,
                "caller",
                "The caller is verified from the token; no contract shows it.",
                "Leave this property out.",
            )
            return None
        return field

    def _property(self, pair: Pair, shape: Shape, name: str, node: Node, field: Field) -> None:
        own = self._schemas.shape(node)
        if own is None:
            return
        reading = pair.direction is Direction.REQUEST
        if own.flag("readOnly") and own.flag("writeOnly"):
            self._findings.add(
                node, "read-write", f"{name!r} is both readOnly and writeOnly.", "Keep one of them."
            )
        if own.flag("readOnly") and reading:
            pair.refused.append((name, "is read-only; leave it out"))
            if is_required(field, self.contracts.enums):
                self._findings.add(
                    node,
                    "read-only",
                    f"{field.name} is required in {pair.message.full_name}, and no request may carry it.",
                    "Mark the proto field `optional`, or give requests a message of their own.",
                )
            return
        if own.flag("writeOnly") and not reading:
            return
        conversion = self.field(node, field, pair.direction)
        if conversion is None:
            return
        listed = name in shape.required
        default = own.keywords.get("default")
        if reading:
            self._required_in_request(node, name, field, listed or default is not None)
        else:
            self._required_in_response(node, name, field, listed, shape)
        pair.sources.append(
            Source(
                Origin.BODY,
                name,
                field,
                conversion,
                sure=listed,
                nullable=own.nullable and field.nullable,
                default=NOTHING if default is None or listed or not reading else default.plain(),
            )
        )

    def _required_in_request(self, node: Node, name: str, field: Field, sure: bool) -> None:
        if is_required(field, self.contracts.enums) and not sure:
            self._findings.add(
                node,
                "required",
                f"{field.name} ({field.place}) cannot be absent, and {name!r} may be left out.",
                f"Add {name!r} to `required`, or mark the proto field `optional`.",
            )

    def _required_in_response(self, node: Node, name: str, field: Field, listed: bool, shape: Shape) -> None:
        branch = any(branch.property == name for branch in shape.branches)
        if always_written(field) and not listed:
            self._findings.add(
                node,
                "required",
                f"{name!r} is always written, for {field.name} has no presence, and is not in `required`.",
                f"Add {name!r} to `required`, or mark the proto field `optional`.",
            )
        if not always_written(field) and listed and not branch:
            self._findings.add(
                shape.required[name],
                "required",
                f"{name!r} is left out where {field.name} ({field.place}) is unset, and is `required`.",
                f"Take {name!r} out of `required`, or drop `optional` from the proto field.",
            )

    def _oneofs(self, pair: Pair, shape: Shape) -> frozenset[str]:
        if not shape.branches:
            return frozenset()
        members = {field.json_name: field for field in pair.message.fields if field.oneof is not None}
        oneofs = {members[branch.property].oneof for branch in shape.branches if branch.property in members}
        for branch in shape.branches:
            if branch.property not in members or len(oneofs) > 1:
                self._findings.add(
                    branch.node,
                    "oneof",
                    f"{branch.property!r} is no member of one oneof of {pair.message.full_name}.",
                    "Let each branch require one member of the same proto oneof.",
                )
        missing = [
            name
            for name, field in members.items()
            if field.oneof in oneofs and name not in [branch.property for branch in shape.branches]
        ]
        if missing:
            self._findings.add(
                shape.branches[0].node,
                "oneof",
                f"The oneOf leaves out {', '.join(missing)}.",
                "Add a branch for each member of the proto oneof.",
            )
        return frozenset(name for name in oneofs if name is not None)


def _bounded(shape: Shape, scalar: Scalar | None) -> bool:
    least, most = shape.number("minimum"), shape.number("maximum")
    if least is None or most is None:
        return False
    if scalar in _INT32:
        return least >= -(2**31) and most < 2**31
    return scalar in _UINT32 and least >= 0 and most < 2**32


def _as_schema(kind: Scalar | WellKnown | MessageRef | EnumRef) -> str:
    if isinstance(kind, MessageRef):
        return "type: object, with its fields as properties"
    if isinstance(kind, EnumRef):
        return "type: string, with the proto's names as enum"
    if kind is WellKnown.VALUE:
        return "an empty schema, {}"
    if kind is WellKnown.LIST_VALUE:
        return "type: array, items: {}"
    type_, formats = wanted(kind)
    return f"type: {type_}" + (f", format: {formats[0]}" if formats[0] else "")
