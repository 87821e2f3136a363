"""JSON types of proto fields, by the ProtoJSON mapping.

Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

from typing import Final

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
from aether_tools.compiler.openapi.schema import Shape

_INT32: Final = frozenset({Scalar.INT32, Scalar.SINT32, Scalar.SFIXED32})
_UINT32: Final = frozenset({Scalar.UINT32, Scalar.FIXED32})
INT64: Final = frozenset({Scalar.INT64, Scalar.SINT64, Scalar.SFIXED64})
_UINT64: Final = frozenset({Scalar.UINT64, Scalar.FIXED64})

ETAGS: Final = {
    **dict.fromkeys(_INT32, 2**31 - 1),
    **dict.fromkeys(_UINT32, 2**32 - 1),
    **dict.fromkeys(INT64, None),
}
"""Types of a version that `format: etag` sends, with the greatest one where it is less than that of int64."""

DECODERS: Final = {
    Scalar.INT32: "int32",
    Scalar.SINT32: "int32",
    Scalar.SFIXED32: "int32",
    Scalar.UINT32: "uint32",
    Scalar.FIXED32: "uint32",
    Scalar.INT64: "int64",
    Scalar.SINT64: "int64",
    Scalar.SFIXED64: "int64",
    Scalar.UINT64: "uint64",
    Scalar.FIXED64: "uint64",
    Scalar.DOUBLE: "double",
    Scalar.FLOAT: "single",
    Scalar.BYTES: "base64_bytes",
    WellKnown.TIMESTAMP: "timestamp",
    WellKnown.DURATION: "duration",
    WellKnown.FIELD_MASK: "field_mask",
    WellKnown.STRUCT: "struct",
    WellKnown.VALUE: "struct_value",
    WellKnown.LIST_VALUE: "struct_list",
}
"""Functions of `protojson` that read a value. A value of any other type needs no conversion."""

RESERVED_FORMATS: Final = frozenset({"int64", "uint64", "byte", "binary", "etag"})
"""String formats that a string field cannot have, because they denote another field type."""


def json_type(kind: Scalar | WellKnown) -> tuple[str | None, tuple[str | None, ...]]:
    """Return a value's JSON Schema `type` and its valid `format`s, the preferred one first."""
    if isinstance(kind, WellKnown) and kind.wraps is not None:
        return json_type(kind.wraps)
    if kind in _INT32:
        return "integer", ("int32",)
    if kind in _UINT32:
        return "integer", ("uint32",)
    if kind in INT64:
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
    """Return whether the Python type requires the field: a singular message or enum that is not `optional`.

    An enum with a zero member is not required: an unset field has that member.
    """
    if field.repeated or field.map_key is not None or field.nullable or field.oneof is not None:
        return False
    if isinstance(field.type, EnumRef):
        return enums[field.type.full_name].zero is None
    return not isinstance(field.type, Scalar)


def message_of(field: Field, contracts: Contracts) -> Message:
    """Return the message type of a field. Raises `TypeError` if it is not a message."""
    if not isinstance(field.type, MessageRef):
        raise TypeError(f"{field.name} is not a message")
    return contracts.messages[field.type.full_name]


def always_written(field: Field) -> bool:
    """Return whether a response always has the field: it has no presence, or cannot be absent."""
    return not field.nullable and field.oneof is None


def proto_type(field: Field, contracts: Contracts) -> str:
    """Return a field's type in proto syntax."""
    kind = field.type
    name = kind.value if isinstance(kind, Scalar | WellKnown) else kind.full_name.removeprefix(".")
    if field.map_key is not None:
        return f"map<{field.map_key.value}, {name}>"
    label = ("repeated " if field.repeated else "") + ("optional " if field.optional else "")
    return label + name.removeprefix(f"{contracts.workspace}.")


def bounded(shape: Shape, scalar: Scalar | None) -> bool:
    """Return whether a schema keeps an integer within the 32 bits of its field."""
    minimum, maximum = shape.number("minimum"), shape.number("maximum")
    if minimum is None or maximum is None:
        return False
    if scalar in _INT32:
        return minimum >= -(2**31) and maximum < 2**31
    return scalar in _UINT32 and minimum >= 0 and maximum < 2**32


def matching_schema(kind: Scalar | WellKnown | MessageRef | EnumRef) -> str:
    """Describe the schema to write for a type."""
    if isinstance(kind, MessageRef):
        return "type: object, with its fields as properties"
    if isinstance(kind, EnumRef):
        return "type: string, with the proto enum's names as enum"
    if kind is WellKnown.VALUE:
        return "an empty schema, {}"
    if kind is WellKnown.LIST_VALUE:
        return "type: array, items: {}"
    type_, formats = json_type(kind)
    return f"type: {type_}" + (f", format: {formats[0]}" if formats[0] else "")
