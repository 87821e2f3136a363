"""Expressions of the generated REST edge: one value from JSON, or to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aether_tools.compiler.binding.bindings import Conversion, ListOf, MapOf, MessageMapping, Object, One
from aether_tools.compiler.binding.json_types import DECODERS, ETAGS, message_of
from aether_tools.compiler.emit.layout import Expression, Imports, Loop, call
from aether_tools.compiler.emit.literals import Code, f_string, literal
from aether_tools.compiler.model.contracts import Contracts, EnumRef, Field, Message, Scalar, WellKnown
from aether_tools.compiler.model.derived import has_member_class, member_class
from aether_tools.compiler.model.naming import RESERVED_EDGE_NAMES
from aether_tools.compiler.openapi.document import escape

_KEYS: Final = {
    kind: {"int32": "int32_key", "uint32": "uint32_key"}.get(name, name)
    for kind, name in DECODERS.items()
    if isinstance(kind, Scalar)
} | {Scalar.BOOL: "bool_key"}
"""Functions of `protojson` that read the key of a map, which JSON always has as text."""

_ENCODERS: Final = {
    Scalar.DOUBLE: "double_json",
    Scalar.FLOAT: "single_json",
    Scalar.BYTES: "bytes_json",
    WellKnown.TIMESTAMP: "timestamp_json",
    WellKnown.DURATION: "duration_json",
    WellKnown.FIELD_MASK: "field_mask_json",
    WellKnown.STRUCT: "struct_json",
    WellKnown.VALUE: "struct_value_json",
    WellKnown.LIST_VALUE: "struct_list_json",
}

_WIDE: Final = frozenset(kind for kind, name in DECODERS.items() if name in ("int64", "uint64"))


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a value stands in a request: text, and variables that hold text."""

    pieces: tuple[str | Code, ...]

    def child(self, name: str) -> Pointer:
        """The place of a property."""
        return Pointer((*self.pieces, f"/{escape(name)}"))

    def variable(self, expression: str) -> Pointer:
        """The place of an element whose step is in a variable."""
        return Pointer((*self.pieces, "/", Code(expression)))

    def __str__(self) -> str:
        match tuple(piece for piece in self.pieces if piece != ""):
            case (Code(expression=expression),):
                return expression
            case pieces if any(isinstance(piece, Code) for piece in pieces):
                return f_string(pieces)
            case pieces:
                return literal("".join(piece for piece in pieces if isinstance(piece, str)))


BODY: Final = Pointer(("",))
AT: Final = Pointer((Code("at"),))
"""The place that the variable `at` holds."""


class Values:
    """Writes expressions, and notes what they need imported."""

    def __init__(
        self, contracts: Contracts, mappings: tuple[MessageMapping, ...], functions: list[str]
    ) -> None:
        """`functions` are the names of the functions of `mappings`."""
        self._contracts = contracts
        self._mappings = mappings
        self._functions = functions
        self.imports = Imports()
        self._failing = self._find_failing()

    def type(self, package: str, name: str) -> str:
        """What a pure type is called here, noted for import; one whose name the module needs is `types.<name>`."""
        if name in RESERVED_EDGE_NAMES:
            return f"{self.imports.need(package, 'types')}.{name}"
        return self.imports.need(f"{package}.types", name)

    def member(self, message: Message, field: Field) -> str:
        """The class that holds a oneof's field, noted for import."""
        if has_member_class(message, field):
            return self.type(message.package, member_class(message, field))
        held = message_of(field, self._contracts)
        return self.type(held.package, held.python_name)

    def kit(self, name: str) -> str:
        """A name of `aether_adapters.rest`, noted for import."""
        return self.imports.need("aether_adapters.rest", name)

    def protojson(self, name: str) -> str:
        """A function of `aether_adapters.kernel.protojson`, noted for import."""
        return f"{self.imports.need('aether_adapters.kernel', 'protojson')}.{name}"

    def fails(self, conversion: Conversion) -> bool:
        """Whether reading may find a value malformed, and so needs to know where it stands."""
        match conversion:
            case One(kind, bounded, etag):
                scalar = kind.wraps if isinstance(kind, WellKnown) and kind.wraps else kind
                return etag or (scalar in DECODERS and not bounded)
            case Object(mapping):
                return mapping in self._failing
            case ListOf(item):
                return self.fails(item)
            case MapOf(key, item):
                return key is not Scalar.STRING or self.fails(item)

    def _find_failing(self) -> set[int]:
        """Pairs whose reading may fail; a fixed point, for messages may hold themselves."""
        self._failing = set[int]()
        while True:
            found = {
                index
                for index, mapping in enumerate(self._mappings)
                if mapping.refused
                or any(self.fails(source.conversion) for source in mapping.sources)
                or any(source.field.oneof for source in mapping.sources)
            }
            if found == self._failing:
                return found
            self._failing = found

    def passes(self, conversion: Conversion) -> bool:
        """Whether a JSON value is the field's value as it is."""
        if not isinstance(conversion, One) or conversion.etag or isinstance(conversion.type, EnumRef):
            return False
        return not self.fails(conversion) and conversion.type is not WellKnown.EMPTY

    def read(self, conversion: Conversion, raw: str, at: Pointer) -> Expression:
        """The field's value from the JSON value `raw`."""
        match conversion:
            case One():
                return self._read_one(conversion, raw, at)
            case Object(mapping):
                location = f", {at}" if mapping in self._failing else ""
                return f"{self._functions[mapping]}({raw}{location})"
            case ListOf(item) if self.passes(item):
                return f"tuple({raw})"
            case ListOf(item) if self.fails(item):
                element = self.read(item, "item", at.variable("index"))
                return call(
                    "tuple", ("", Loop("[", str(element), f"for index, item in enumerate({raw})", "]"))
                )
            case ListOf(item):
                return call(
                    "tuple", ("", Loop("[", str(self.read(item, "item", at)), f"for item in {raw}", "]"))
                )
            case MapOf(key, item):
                return self._read_table(key, item, raw, at)

    def _read_table(self, key: Scalar, item: One | Object, raw: str, at: Pointer) -> Expression:
        if key is Scalar.STRING and self.passes(item):
            return raw
        inner, name = at, "key"
        if self.fails(item):
            inner = at.variable(f"{self.protojson('step')}(key)")
        if key is not Scalar.STRING:
            name = f"{self.protojson(_KEYS[key])}(key, {at})"
        value = self.read(item, "item", inner)
        return Loop("{", f"{name}: {value}", f"for key, item in {raw}.items()", "}")

    def _read_one(self, one: One, raw: str, at: Pointer) -> str:
        if one.etag:
            version = one.type.wraps if isinstance(one.type, WellKnown) else one.type
            most = ETAGS.get(version) if isinstance(version, Scalar) else None
            return f"{self.kit('parse_etag')}({raw}, {at}{'' if most is None else f', {most}'})"
        kind = one.type
        if isinstance(kind, EnumRef):
            enum = self._contracts.enums[kind.full_name]
            return f"{self.type(enum.package, enum.python_name)}({raw})"
        scalar = kind.wraps if isinstance(kind, WellKnown) and kind.wraps else kind
        if scalar not in DECODERS or one.bounded:
            return raw
        return f"{self.protojson(DECODERS[scalar])}({raw}, {at})"

    def write(self, conversion: Conversion, value: str) -> Expression:
        """The JSON value of a field's `value`."""
        match conversion:
            case One():
                return self._write_one(conversion, value)
            case Object(mapping):
                return f"{self._functions[mapping]}({value})"
            case ListOf(item):
                element = str(self.write(item, "item"))
                if element == "item":
                    return f"list({value})"
                return Loop("[", element, f"for item in {value}", "]")
            case MapOf(key, item):
                name = {Scalar.STRING: "key", Scalar.BOOL: '"true" if key else "false"'}.get(key, "str(key)")
                element = f"{name}: {self.write(item, 'item')}"
                if element == "key: item":
                    return f"dict({value})"
                return Loop("{", element, f"for key, item in {value}.items()", "}")

    def _write_one(self, one: One, value: str) -> str:
        if one.etag:
            return f"{self.kit('etag')}({value})"
        if isinstance(one.type, EnumRef):
            return f"{value}.value"
        if one.type is WellKnown.EMPTY:
            return "{}"
        scalar = one.type.wraps if isinstance(one.type, WellKnown) and one.type.wraps else one.type
        if scalar in _WIDE:
            return f"str({value})"
        if scalar in _ENCODERS:
            return f"{self.protojson(_ENCODERS[scalar])}({value})"
        return value

    def message_of(self, field: Field) -> Message:
        """The message a field holds."""
        return message_of(field, self._contracts)

    def zero_name(self, ref: EnumRef) -> str:
        """The JSON value of an enum's zero, which stands for an absent one."""
        zero = self._contracts.enums[ref.full_name].zero
        return literal("" if zero is None else zero.name)

    def zero(self, field: Field) -> str:
        """The Python value of a field that is left out."""
        if field.repeated:
            return "()"
        if isinstance(field.type, EnumRef):
            enum = self._contracts.enums[field.type.full_name]
            zero = enum.zero or enum.members[0]
            return f"{self.type(enum.package, enum.python_name)}.{zero.python_name}"
        python = field.type.python if isinstance(field.type, Scalar) else "dict"
        return {"float": "0.0", "bool": "False", "str": '""', "bytes": 'b""', "int": "0"}.get(python, "{}")
