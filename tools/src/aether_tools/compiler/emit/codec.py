"""Writes codec.py: straight-line functions between the pure types and protobuf's messages."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from typing import Final

from aether_tools.compiler.emit import layout
from aether_tools.compiler.emit.conversions import Conversions, attribute
from aether_tools.compiler.emit.layout import Expression, call, simple
from aether_tools.compiler.emit.literals import literal
from aether_tools.compiler.emit.python_types import Lines, Scope, header
from aether_tools.compiler.model import naming
from aether_tools.compiler.model.contracts import (
    Contracts,
    EnumRef,
    EnumType,
    Field,
    Message,
    MessageRef,
    Package,
    Scalar,
    WellKnown,
)
from aether_tools.compiler.model.derived import has_member_class, is_caller, oneofs, parts, required_message


def write_codec(contracts: Contracts, package: Package) -> bytes:
    """The codec of every type of a package that is no event."""
    writer = CodecWriter(Scope(contracts, package, defines=True), types=".types")
    blocks = list(
        writer.functions(
            [message for message in package.messages if not message.event],
            [enum for enum in package.enums if not enum.event],
        )
    )
    methods = package.service.methods if package.service else ()
    wired = dict.fromkeys(kind for method in methods for kind in (method.request, method.response))
    for kind in wired:
        blocks += writer.wire(kind)
    return layout.module(
        header(package),
        f"Converts the types of {package.name} to and from protobuf messages.",
        writer.scope.imports,
        blocks,
    )


def wire_names(contracts: Contracts, kind: MessageRef | WellKnown) -> tuple[str, str]:
    """The functions between a request or response and its bytes."""
    stem = (
        naming.snake(contracts.messages[kind.full_name].python_name)
        if isinstance(kind, MessageRef)
        else "empty"
    )
    return f"{stem}_to_wire", f"{stem}_from_wire"


class CodecWriter:
    """Writes the functions of one module; `types` names the module that has the types, if it is another one."""

    def __init__(self, scope: Scope, *, types: str | None) -> None:
        self.scope = scope
        self._conversions = Conversions(scope, types)

    def functions(self, messages: Iterable[Message], enums: Iterable[EnumType]) -> Iterator[Lines]:
        """The functions of enums and messages, each a top-level block."""
        for enum in enums:
            yield from self._enum(enum)
        for message in messages:
            yield self._to_pb(message)
            for name, fields in oneofs(message).items():
                yield self._oneof_from_pb(message, name, fields)
            yield self._from_pb(message)

    def wire(self, kind: MessageRef | WellKnown) -> Iterator[Lines]:
        """The two functions between a request or response and the bytes of a call."""
        to_wire, from_wire = wire_names(self.scope.contracts, kind)
        helper = self._conversions.helper("parse")
        if isinstance(kind, WellKnown):
            empty, module = (
                self._conversions.own("Empty"),
                self.scope.imports.need("google.protobuf", "empty_pb2"),
            )
            yield [f"def {to_wire}(_: {empty}, /) -> bytes:", '    return b""']
            yield [
                f"def {from_wire}(data: bytes, /) -> {empty}:",
                f"    {helper}({module}.Empty, data)",
                f"    return {empty}()",
            ]
            return
        message = self.scope.contracts.messages[kind.full_name]
        name = self._conversions.cls(message)
        yield [
            *layout.function(0, to_wire, f"value: {name}, /", "bytes"),
            f"    return {self._conversions.function(message, 'to_pb')}(value).SerializeToString()",
        ]
        yield [
            *layout.function(0, from_wire, "data: bytes, /", name),
            *layout.render(
                4,
                "return ",
                simple(
                    self._conversions.function(message, "from_pb"),
                    simple(helper, self._conversions.pb(message), "data"),
                ),
            ),
        ]

    def _enum(self, enum: EnumType) -> Iterator[Lines]:
        name, pb, cast = (
            self._conversions.cls(enum),
            self._conversions.pb(enum),
            self.scope.imports.need("typing", "cast"),
        )
        table = f"_{naming.snake(enum.python_name).upper()}"
        members = [f"    {member.number}: {name}.{member.python_name}," for member in enum.members]
        yield [f"{table}: {self.scope.imports.need('typing', 'Final')} = {{", *members, "}"]
        yield [
            *layout.function(0, self._conversions.function(enum, "to_pb"), f"value: {name}, /", pb),
            *layout.render(4, "return ", simple(cast, literal(pb), simple(f"{pb}.Value", "value.value"))),
        ]
        yield [
            *layout.function(
                0, self._conversions.function(enum, "from_pb"), "number: int, field: str, /", name
            ),
            f"    member = {table}.get(number)",
            "    if member is None:",
            f"        raise {self._conversions.helper('not_a_member')}(field, number)",
            "    return member",
        ]

    def _to_pb(self, message: Message) -> Lines:
        arguments: list[tuple[str, Expression]] = []
        choices: Lines = []
        for part in parts(message):
            if isinstance(part, tuple):
                choices += self._oneof_to_pb(message, *part)
            elif not is_caller(self.scope.contracts, part.type):
                arguments.append(self._conversions.argument(part))
        pb, name = self._conversions.pb(message), self._conversions.cls(message)
        parameter = "value" if message.fields and (arguments or choices) else "_"
        lines = layout.function(
            0, self._conversions.function(message, "to_pb"), f"{parameter}: {name}, /", pb
        )
        if not choices:
            return [*lines, *layout.render(4, "return ", call(pb, *arguments))]
        return [
            *lines,
            *layout.render(4, "message = ", call(pb, *arguments)),
            *choices,
            "    return message",
        ]

    def _oneof_to_pb(self, message: Message, name: str, fields: list[Field]) -> Lines:
        lines = [f"    match value.{naming.field_name(name)}:"]
        for field in fields:
            member = self._conversions.member(message, field)
            if has_member_class(message, field):
                pattern = call(member, ("value=", _LOCAL), listed=False)
                lines += layout.render(8, "case ", pattern, ":")
            else:
                lines.append(f"        case {member}() as {_LOCAL}:")
            lines += self._set(field)
        return lines

    def _set(self, field: Field) -> Lines:
        if isinstance(field.type, Scalar | EnumRef):
            value = (
                _LOCAL
                if isinstance(field.type, Scalar)
                else self._conversions.codec(field.type, "to_pb", _LOCAL)
            )
            if keyword.iskeyword(field.name):
                return layout.render(12, "", simple("setattr", "message", literal(field.name), value))
            return layout.render(12, f"message.{field.name} = ", value)
        return layout.render(
            12, "", simple(f"{attribute(field)}.CopyFrom", self._conversions.encode(field.type, _LOCAL))
        )

    def _from_pb(self, message: Message) -> Lines:
        name, label = self._conversions.cls(message), _label(message)
        guards: Lines = []
        arguments: list[tuple[str, Expression]] = []
        for part in parts(message):
            if isinstance(part, tuple):
                function = self._oneof_function(message, part[0])
                arguments.append((f"{naming.field_name(part[0])}=", simple(function, "message")))
            elif is_caller(self.scope.contracts, part.type):
                guards += _guard(
                    f"message.HasField({literal(part.name)})", self._conversions.helper("forged"), part.name
                )
            else:
                if required_message(self.scope.contracts, part):
                    has = f"not message.HasField({literal(part.name)})"
                    guards += _guard(has, self._conversions.helper("missing"), f"{label}.{part.name}")
                arguments.append((f"{part.python_name}=", self._conversions.decode_field(part, label)))
        parameter = "message" if guards or arguments else "_"
        return [
            *layout.function(
                0,
                self._conversions.function(message, "from_pb"),
                f"{parameter}: {self._conversions.pb(message)}, /",
                name,
            ),
            *guards,
            *layout.render(4, "return ", call(name, *arguments)),
        ]

    def _oneof_function(self, message: Message, name: str) -> str:
        return f"_{naming.snake(message.python_name)}_{name}_from_pb"

    def _oneof_from_pb(self, message: Message, name: str, fields: list[Field]) -> Lines:
        classes = [self._conversions.member(message, field) for field in fields]
        required = name in message.required_oneofs
        result = classes if required else [*classes, "None"]
        parameter = f"message: {self._conversions.pb(message)}, /"
        lines = layout.function(0, self._oneof_function(message, name), parameter, result)
        lines.append(f"    match message.WhichOneof({literal(name)}):")
        for field, cls in zip(fields, classes, strict=True):
            value = self._conversions.decode(field.type, attribute(field), f"{_label(message)}.{field.name}")
            lines.append(f"        case {literal(field.name)}:")
            if has_member_class(message, field):
                value = call(cls, ("value=", value), listed=False)
            lines += layout.render(12, "return ", value)
        if not required:
            return [*lines, "        case _:", "            return None"]
        error = simple(self._conversions.helper("missing"), literal(f"{_label(message)}.{name}"))
        return [*lines, "        case _:", *layout.render(12, "raise ", error)]


_LOCAL: Final = "chosen"


def _label(message: Message) -> str:
    """What errors call a message: its name within its package."""
    return message.full_name.removeprefix(f"{message.package}.")


def _guard(condition: str, error: str, field: str) -> Lines:
    return [f"    if {condition}:", *layout.render(8, "raise ", simple(error, literal(field)))]
