"""Checks that a schema and a proto field describe the same JSON, by the ProtoJSON mapping.

Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

from typing import Final

from aether_tools.compiler.binding.bindings import (
    NOTHING,
    Conversion,
    Direction,
    ListOf,
    MapOf,
    MessageMapping,
    Object,
    One,
    Origin,
    Source,
)
from aether_tools.compiler.binding.defaults import check_default
from aether_tools.compiler.binding.json_types import (
    ETAGS,
    RESERVED_FORMATS,
    bounded,
    json_type,
    matching_schema,
    proto_type,
)
from aether_tools.compiler.binding.presence import exclusive_oneofs, in_request, in_response, never_in_request
from aether_tools.compiler.model.contracts import (
    Contracts,
    EnumRef,
    EnumType,
    Field,
    Message,
    MessageRef,
    Scalar,
    WellKnown,
)
from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.schema import Schemas, Shape


def unknown_field(message: Message, name: str) -> tuple[str, ...]:
    """Return the cause of findings about a field that a message does not have, by its proto or ProtoJSON name."""
    return ("field", message.full_name, name.replace("_", "").lower())


_MAX_DEPTH: Final = 100
"""Objects inside objects. The servers refuse JSON of more levels."""


class Agreement:
    """Compares schemas with fields. Collects each mapping of a message and an object schema once."""

    def __init__(
        self, contracts: Contracts, schemas: Schemas, document: Document, findings: Findings
    ) -> None:
        self.contracts = contracts
        self._document = document
        self.mappings: list[MessageMapping] = []
        self._schemas = schemas
        self._findings = findings
        self._depth = 0
        self._known: dict[tuple[str, str, Direction, frozenset[str | None]], int] = {}

    def field(self, node: Node, field: Field, direction: Direction) -> Conversion | None:
        """Return how a field's value is converted, given its schema. None if they differ; a finding says how."""
        shape = self._schemas.shape(node)
        if shape is None:
            return None
        self._nullable(shape, field.nullable or field.type is WellKnown.VALUE, field, node)
        if field.map_key is not None:
            return self._map(shape, field, direction, node)
        if field.repeated:
            items = shape.keywords.get("items")
            if shape.type != "array" or items is None:
                self._mismatch(node, field, "type: array, with `items`")
                return None
            item = self._item(items, field, direction)
            return None if item is None else ListOf(item)
        return self._one(shape, field, direction, node)

    def _item(self, node: Node, field: Field, direction: Direction) -> One | Object | None:
        shape = self._schemas.shape(node)
        if shape is None:
            return None
        self._nullable(shape, field.type is WellKnown.VALUE, field, node)
        return self._one(shape, field, direction, node)

    def _map(self, shape: Shape, field: Field, direction: Direction, node: Node) -> Conversion | None:
        entries = shape.entries
        if entries is None and field.type is WellKnown.VALUE and shape.free and field.map_key is not None:
            return MapOf(field.map_key, One(WellKnown.VALUE))
        if shape.type != "object" or entries is None or shape.properties or field.map_key is None:
            self._mismatch(node, field, "type: object, with additionalProperties: <schema of a value>")
            return None
        item = self._item(entries, field, direction)
        return None if item is None else MapOf(field.map_key, item)

    def _one(self, shape: Shape, field: Field, direction: Direction, node: Node) -> One | Object | None:
        kind = field.type
        if isinstance(kind, MessageRef):
            if kind.full_name == self.contracts.caller:
                self._findings.add(
                    node,
                    "caller",
                    "The caller comes from the verified token and cannot be a property.",
                    "Remove this property.",
                )
                return None
            if shape.type != "object" or shape.free or shape.entries is not None:
                self._mismatch(node, field, "type: object, with the message's fields as properties")
                return None
            return Object(self.mapping(self.contracts.messages[kind.full_name], shape, direction))
        if isinstance(kind, EnumRef):
            return self._enum(shape, field, self.contracts.enums[kind.full_name], node)
        return self._scalar(shape, field, kind, node)

    def _scalar(self, shape: Shape, field: Field, kind: Scalar | WellKnown, node: Node) -> One | None:
        scalar = kind.wraps if isinstance(kind, WellKnown) else kind
        if shape.format == "etag" and scalar in ETAGS:
            return One(kind, etag=True)
        type_, formats = json_type(kind)
        fits = shape.type == type_ and (shape.format in formats)
        if scalar is Scalar.STRING:
            fits = shape.type == "string" and shape.format not in RESERVED_FORMATS
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
            self._mismatch(node, field, matching_schema(kind))
            return None
        self._findings.sound(shape.node.location)
        return One(kind, bounded=bounded(shape, scalar))

    def _enum(self, shape: Shape, field: Field, enum: EnumType, node: Node) -> One | None:
        names = [member.name for member in enum.members]
        values = shape.keywords.get("enum")
        if shape.type != "string" or values is None:
            self._mismatch(node, field, f"type: string, enum: [{', '.join(names)}]")
            return None
        listed = [
            element for element in values.elements() if element.scalar is not None or not shape.nullable
        ]
        for element in listed:
            if element.scalar not in names:
                unset = str(element.scalar).endswith("_UNSPECIFIED")
                self._findings.add(
                    element,
                    "enum",
                    f"{element.scalar!r} "
                    + (
                        f"means that {enum.full_name} is unset and is not a value of it."
                        if unset
                        else f"is not a member of {enum.full_name}."
                    ),
                    f"Use the names of the proto enum: {', '.join(names)}.",
                )
        missing = [name for name in names if name not in [element.scalar for element in listed]]
        if missing:
            self._findings.add(
                values,
                "enum",
                f"The enum omits {', '.join(missing)} of {enum.full_name}.",
                f"List every member: {', '.join(names)}.",
            )
        return One(EnumRef(enum.full_name))

    def _nullable(self, shape: Shape, may_be_null: bool, field: Field, node: Node) -> None:
        if shape.nullable and not may_be_null:
            self._findings.add(
                node,
                "nullable",
                f"null is not a valid value of {field.name}: {proto_type(field, self.contracts)}.",
                "Remove `nullable`, or mark the proto field `optional`.",
            )

    def _mismatch(self, node: Node, field: Field, write: str) -> None:
        target = self._schemas.target(node)
        shared = target.location if target is not None and target is not node else None
        cause = ("schema", node.pointer, field.name) if target is None else ("schema", target.pointer, write)
        self._findings.add_effect(
            cause,
            node,
            "type",
            f"This schema does not match {field.name}: {proto_type(field, self.contracts)} ({field.location}).",
            f"Write {write}; or change the proto field.",
            shared,
        )

    def mapping(
        self, message: Message, shape: Shape, direction: Direction, absent: frozenset[str] = frozenset()
    ) -> int:
        """Return the mapping of a message and an object schema, as an index into `mappings`.

        `absent` holds proto names of fields that need no property, because they are bound elsewhere.
        """
        missing = absent - {self._field_name(name, node, message) for name, node in shape.properties.items()}
        key = (message.full_name, shape.key, direction, missing)
        if key in self._known:
            return self._known[key]
        index = self._known[key] = len(self.mappings)
        mapping = MessageMapping(message, direction, shape.name, shape.node.location)
        self.mappings.append(mapping)
        if self._depth >= _MAX_DEPTH:
            self._findings.add(
                shape.node,
                "schema-depth",
                f"This object is more than {_MAX_DEPTH} objects deep in a body.",
                "Flatten the messages: no server accepts JSON that is nested so deep.",
            )
            return index
        self._depth += 1
        self.fill(mapping, shape, absent)
        self._depth -= 1
        return index

    def _field_name(self, name: str, node: Node, message: Message) -> str | None:
        """Return the proto name of a property's field, or None if there is no such field."""
        shape = self._schemas.shape(node)
        given = None if shape is None else shape.keywords.get("x-field")
        if given is not None:
            return str(given.scalar)
        field = message.by_json_name(name)
        return None if field is None else field.name

    def fill(self, mapping: MessageMapping, shape: Shape, absent: frozenset[str]) -> None:
        """Bind every property of an object schema to a field of a message, and every field to a property.

        `absent` holds proto names of fields that are bound elsewhere.
        """
        bound: dict[str, str] = {}
        renamed = self._renamed(mapping.message, shape, absent)
        for name, node in shape.properties.items():
            field = self.field_of(name, node, mapping.message, renamed)
            if field is None:
                continue
            if field.name in bound:
                self._findings.add(
                    node,
                    "duplicate-binding",
                    f"{name!r} and {bound[field.name]!r} are both bound to {mapping.message.full_name}.{field.name}.",
                    "Keep one of them, or bind it to another field with x-field.",
                )
                continue
            bound[field.name] = name
            self._property(mapping, shape, name, node, field)
        for field in mapping.message.fields:
            if field.name in bound or field.name in absent or self._is_caller(field) or field is renamed:
                continue
            self._findings.add(
                shape.node,
                "field-without-partner",
                f"{mapping.message.full_name}.{field.name} ({field.location}) has no property here.",
                f"Add property {field.json_name!r} ({matching_schema(field.type)}), or remove the field.",
            )
        for name, node in shape.required.items():
            if name not in shape.properties and (renamed is None or name != renamed.json_name):
                self._findings.add(
                    node,
                    "required",
                    f"{name!r} is required but is not a property.",
                    "Declare the property, or remove it from `required`.",
                )
        mapping.exclusive = exclusive_oneofs(mapping, shape, self._findings)

    def _renamed(self, message: Message, shape: Shape, absent: frozenset[str]) -> Field | None:
        """Return the field that the only property without a field was meant for. None if that is not clear."""
        names = {name: self._field_name(name, node, message) for name, node in shape.properties.items()}
        if sum(message.field(field or "") is None for field in names.values()) != 1:
            return None
        free = [
            field
            for field in message.fields
            if field.name not in names.values()
            and not self._is_caller(field)
            and (
                field.name not in absent
                or (field.json_name in shape.required and field.json_name not in names)
            )
        ]
        return free[0] if len(free) == 1 else None

    def _is_caller(self, field: Field) -> bool:
        return isinstance(field.type, MessageRef) and field.type.full_name == self.contracts.caller

    def field_of(self, name: str, node: Node, message: Message, renamed: Field | None = None) -> Field | None:
        """Return the field of a property: by x-field, or else by ProtoJSON name. None if a finding says why not.

        `renamed` is the field that has no property, if the one without a field may be meant for it.
        """
        shape = self._schemas.shape(node)
        given = None if shape is None else shape.keywords.get("x-field")
        field = message.field(self._field_name(name, node, message) or "")
        if field is None:
            known = ", ".join(sorted(each.json_name for each in message.fields if not self._is_caller(each)))
            reason = f"{message.full_name} has no field for property {name!r}"
            fix = f"Bind it with x-field: <proto name>, remove it, or use one of: {known or '(no fields)'}."
            if renamed is not None:
                reason += f", and {renamed.name} ({renamed.location}) has no property"
                fix = (
                    f"Rename the property to {renamed.json_name!r}, or bind it with x-field: {renamed.name}."
                )
            wanted = name if given is None else str(given.scalar)
            self._findings.add_effect(
                unknown_field(message, wanted), given or node, "property-without-field", f"{reason}.", fix
            )
        elif self._is_caller(field):
            self._findings.add(
                node,
                "caller",
                "The caller comes from the verified token and cannot be a property.",
                "Remove this property.",
            )
            return None
        return field

    def _property(self, mapping: MessageMapping, shape: Shape, name: str, node: Node, field: Field) -> None:
        own = self._schemas.shape(node)
        if own is None:
            return
        reading = mapping.direction is Direction.REQUEST
        if own.flag("readOnly") and own.flag("writeOnly"):
            self._findings.add(
                node, "read-write", f"{name!r} is both readOnly and writeOnly.", "Keep one of them."
            )
        if own.flag("readOnly") and reading:
            mapping.refused.append((name, "is read-only; leave it out"))
            never_in_request(node, name, field, shape, self.contracts.enums, self._findings)
            return
        if own.flag("writeOnly") and not reading:
            return
        conversion = self.field(node, field, mapping.direction)
        if conversion is None:
            return
        check_default(own, conversion, self._document, self._findings)
        listed = name in shape.required
        default = own.keywords.get("default")
        if reading:
            sure = listed or default is not None
            in_request(node, name, field, sure, self.contracts.enums, self._findings)
        else:
            in_response(node, name, field, shape, self._findings)
        mapping.sources.append(
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
