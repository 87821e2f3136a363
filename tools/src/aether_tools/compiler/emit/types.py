"""Writes types.py: what a contract talks about, as frozen dataclasses and enums that know no technology."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aether_tools.compiler.emit import layout, slots
from aether_tools.compiler.emit.python_types import Lines, Scope, header
from aether_tools.compiler.model.contracts import Contracts, EnumType, Field, Message, Package
from aether_tools.compiler.model.derived import has_member_class, is_event, member_class, parts, uses_empty
from aether_tools.compiler.model.naming import field_name


def write_types(contracts: Contracts, package: Package) -> bytes:
    """The module of every type of a package that is no event."""
    scope = Scope(contracts, package, defines=True)
    blocks = [_empty(scope)] if uses_empty(package) else []
    blocks += definitions(
        scope,
        [message for message in package.messages if not message.event],
        [enum for enum in package.enums if not enum.event],
    )
    return layout.module(header(package), "", scope.imports, blocks)


def definitions(scope: Scope, messages: Iterable[Message], enums: Iterable[EnumType]) -> Iterator[Lines]:
    """The definitions of enums and messages, each a top-level block."""
    messages = tuple(messages)
    for enum in enums:
        yield _enum(scope, enum)
    for message in messages:
        for part in parts(message):
            if isinstance(part, tuple):
                members = [field for field in part[1] if has_member_class(message, field)]
                yield from (_oneof_member(scope, message, field) for field in members)
        yield _message(scope, message)
        if message.full_name == scope.contracts.caller:
            yield [
                f"NOBODY: {scope.imports.need('typing', 'Final')} = {message.python_name}()",
                *layout.docstring(0, "The caller of a request that no edge has filled."),
            ]
    # A map's default is made by code of the dataclass' own `__init__`.
    filled = [
        message.python_name
        for message in messages
        if message.fields and not any(field.map_key for field in message.fields)
    ]
    if filled:
        module = slots.module_name(scope.contracts)
        fill = scope.imports.need(
            ".slots" if module == f"{scope.package.name}.slots" else module, "fill_slots"
        )
        yield layout.render(0, "", layout.simple(fill, *filled))


def _enum(scope: Scope, enum: EnumType) -> Lines:
    body: Lines = []
    for member in enum.members:
        body.append(f'    {member.python_name} = "{member.name}"')
        body += layout.docstring(4, member.comment)
    base = scope.imports.need("enum", "Enum")
    return layout.class_definition(f"{enum.python_name}({base})", enum.comment, body)


def _message(scope: Scope, message: Message) -> Lines:
    body: Lines = []
    if is_event(message):
        head = f"TYPE: {scope.imports.need('typing', 'ClassVar')}[str] = "
        name = f'"{message.full_name}"'
        fits = 4 + len(head) + len(name) <= layout.WIDTH
        body += [f"    {head}{name}"] if fits else [f"    {head}(", f"        {name}", "    )"]
    for part in parts(message):
        if isinstance(part, tuple):
            name, fields = part
            members = [scope.member(message, field) for field in fields]
            if name in message.required_oneofs:
                body += layout.attribute(4, field_name(name), members)
            else:
                body += layout.attribute(4, field_name(name), [*members, "None"], default="None")
        else:
            body += _field(scope, message, part)
    return _dataclass(scope, message.python_name, message.comment, body, ", kw_only=True")


def _field(scope: Scope, message: Message, field: Field) -> Lines:
    default = scope.default(message, field)
    tail = f" = {default}" if default is not None else ""
    words = "\n\n".join(filter(None, (field.comment, "Deprecated." if field.deprecated else "")))
    return [
        f"    {field.python_name}: {scope.annotation(field)}{tail}",
        *layout.docstring(4, words),
    ]


def _oneof_member(scope: Scope, message: Message, field: Field) -> Lines:
    body = [f"    value: {scope.single(field.type)}"]
    return _dataclass(scope, member_class(message, field), field.comment, body)


def _empty(scope: Scope) -> Lines:
    return _dataclass(scope, "Empty", "google.protobuf.Empty: no fields.", [])


def _dataclass(scope: Scope, name: str, comment: str, body: Lines, more: str = "") -> Lines:
    decorator = scope.imports.need("dataclasses", "dataclass")
    return [
        f"@{decorator}(frozen=True, slots=True{more})",
        *layout.class_definition(name, comment, body),
    ]
