"""The conversions between a field and protobuf's, as expressions of generated code."""

from __future__ import annotations

import keyword
from typing import Final

from aether_tools.compiler.emit.layout import Choice, Expression, Group, Loop, call, simple
from aether_tools.compiler.emit.literals import literal
from aether_tools.compiler.emit.python_types import Scope
from aether_tools.compiler.model import naming
from aether_tools.compiler.model.contracts import (
    EnumRef,
    EnumType,
    Field,
    FieldType,
    Message,
    MessageRef,
    Scalar,
    WellKnown,
)
from aether_tools.compiler.model.derived import has_member_class, member_class

_STEMS: Final = {
    WellKnown.TIMESTAMP: "timestamp",
    WellKnown.DURATION: "duration",
    WellKnown.FIELD_MASK: "field_mask",
    WellKnown.STRUCT: "struct",
    WellKnown.VALUE: "value",
    WellKnown.LIST_VALUE: "list_value",
}
"""What `aether_adapters.contract.wire` calls the well-known types it converts."""


def attribute(field: Field) -> str:
    """A field of protobuf's message; one called as a keyword is reached by its name."""
    return (
        f"getattr(message, {literal(field.name)})"
        if keyword.iskeyword(field.name)
        else f"message.{field.name}"
    )


class Conversions:
    """Speaks of the types of one module; `types` names the module that has them, if it is another one."""

    def __init__(self, scope: Scope, types: str | None) -> None:
        self._scope = scope
        self._types = types

    def helper(self, name: str) -> str:
        """A function of the kit for codecs."""
        return f"{self._scope.imports.need('aether_adapters.contract', 'wire')}.{name}"

    def own(self, name: str) -> str:
        """A class of this module's own package that has no message: a oneof's, or Empty."""
        return name if self._types is None else self._scope.imports.need(self._types, name)

    def member(self, message: Message, field: Field) -> str:
        """The class that holds a oneof's field."""
        if isinstance(field.type, MessageRef) and not has_member_class(message, field):
            return self.cls(self._scope.find(field.type))
        return self.own(member_class(message, field))

    def cls(self, known: Message | EnumType) -> str:
        """The class of a message or enum."""
        if self._scope.sibling(known, "types") is None:
            return self.own(known.python_name)
        return self._scope.name(known)

    def function(self, known: Message | EnumType, direction: str) -> str:
        """The name of the function that converts a message or enum: `invoice_to_pb`."""
        name = f"{naming.snake(known.python_name)}_{direction}"
        module = self._scope.sibling(known, "codec")
        return name if module is None else self._scope.imports.need(module, name)

    def pb(self, known: Message | EnumType) -> str:
        """protoc's class of a message or enum: `billing_pb2.Invoice.Line`."""
        folder, _, file = known.location.file.removeprefix("proto/").removesuffix(".proto").rpartition("/")
        package = folder.replace("/", ".")
        home = "." if package == self._scope.package.name else package
        return f"{self._scope.imports.need(home, f'{file}_pb2')}.{known.full_name.removeprefix(f'{known.package}.')}"

    def codec(self, kind: MessageRef | EnumRef, direction: str, *arguments: str) -> Group:
        """A call of the function that converts a message or enum."""
        return simple(self.function(self._scope.find(kind), direction), *arguments)

    def argument(self, field: Field) -> tuple[str, Expression]:
        """A field as an argument of protobuf's class, out of `value`."""
        value = self.encode_field(field, f"value.{field.python_name}")
        if keyword.iskeyword(field.name):
            return "**", simple(self.helper("named"), literal(field.name), value)
        return f"{field.name}=", value

    def encode_field(self, field: Field, value: str) -> Expression:
        """A field on its way to protobuf."""
        if field.map_key is not None:
            if isinstance(field.type, Scalar):
                return value
            item = self.encode(field.type, "item")
            if isinstance(field.type, EnumRef):
                item = self.codec(field.type, "to_pb", "item")
            return Loop("{", item, f"for key, item in {value}.items()", "}", "key: ")
        one = self.encode(field.type, "item" if field.repeated else value)
        if field.repeated:
            return value if one == "item" else Loop("[", one, f"for item in {value}", "]")
        return Choice("None", f"{value} is None", one) if field.nullable and one != value else one

    def encode(self, kind: FieldType, value: str) -> Expression:
        """One value on its way to protobuf."""
        match kind:
            case Scalar():
                return value
            case EnumRef():
                return f"{value}.value"  # protobuf takes an enum by its name, faster than by a table of ours
            case MessageRef():
                return self.codec(kind, "to_pb", value)
            case WellKnown.EMPTY:
                return f"{self._scope.imports.need('google.protobuf', 'empty_pb2')}.Empty()"
            case WellKnown():
                if kind.wraps is None:
                    return simple(f"{self.helper(_STEMS[kind])}_to_pb", value)
                module = self._scope.imports.need("google.protobuf", "wrappers_pb2")
                return call(f"{module}.{kind.value.rpartition('.')[2]}", ("value=", value), listed=False)

    def decode_field(self, field: Field, label: str) -> Expression:
        """A field on its way from protobuf; `label` is what errors call its message."""
        value, where = attribute(field), f"{label}.{field.name}"
        if field.map_key is not None:
            if isinstance(field.type, Scalar):
                return simple("dict", value)
            return Loop(
                "{",
                self.decode(field.type, "item", where),
                f"for key, item in {value}.items()",
                "}",
                "key: ",
            )
        if field.repeated:
            one = self.decode(field.type, "item", where)
            return (
                simple("tuple", value) if one == "item" else Loop("tuple(", one, f"for item in {value}", ")")
            )
        one = self.decode(field.type, value, where)
        return Choice(one, f"message.HasField({literal(field.name)})", "None") if field.nullable else one

    def decode(self, kind: FieldType, value: str, where: str) -> Expression:
        """One value on its way from protobuf; `where` is what errors call its field."""
        match kind:
            case Scalar():
                return value
            case EnumRef():
                return self.codec(kind, "from_pb", value, literal(where))
            case MessageRef():
                return self.codec(kind, "from_pb", value)
            case WellKnown.EMPTY:
                return f"{self._scope.empty() if self._types is None else self.own('Empty')}()"
            case WellKnown.FIELD_MASK:
                return simple(self.helper("field_mask_from_pb"), value)
            case WellKnown():
                if kind.wraps is not None:
                    return f"{value}.value"
                return simple(f"{self.helper(_STEMS[kind])}_from_pb", value, literal(where))
