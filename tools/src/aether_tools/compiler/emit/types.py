"""Writes types.py: what a contract talks about, as frozen dataclasses and enums that know no technology."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aether_tools.compiler.emit import layout, python_types, slots
from aether_tools.compiler.emit.literals import docstring, literal
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
                *docstring(0, "The caller of a request that no edge has filled."),
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
        body.append(f"    {member.python_name} = {literal(member.name)}")
        body += docstring(4, member.comment)
    base = scope.imports.need("enum", "Enum")
    return layout.class_definition(f"{enum.python_name}({base})", enum.comment, body)


def _message(scope: Scope, message: Message) -> Lines:
    body: Lines = []
    if is_event(message):
        head = f"TYPE: {scope.imports.need('typing', 'ClassVar')}[str] = "
        name = literal(message.full_name)
        fits = 4 + len(head) + len(name) <= layout.WIDTH
        body += [f"    {head}{name}"] if fits else [f"    {head}(", f"        {name}", "    )"]
    for part in parts(message):
        if isinstance(part, tuple):
            name, fields = part
            members = [scope.member(message, field) for field in fields]
            secret = any(field.secret for field in fields)
            if name in message.required_oneofs:
                default = _default(scope, None, secret=secret)
                body += layout.attribute(4, field_name(name), members, default=str(default or ""))
            else:
                default = _default(scope, "None", secret=secret)
                body += layout.attribute(4, field_name(name), [*members, "None"], default=str(default))
        else:
            body += _field(scope, message, part)
    return _dataclass(scope, message.python_name, message.comment, body, ", kw_only=True")


def _field(scope: Scope, message: Message, field: Field) -> Lines:
    default = _default(scope, scope.default(message, field), secret=field.secret)
    head = f"{field.python_name}: {scope.annotation(field)}"
    words = "\n\n".join(filter(None, (field.comment, "Deprecated." if field.deprecated else "")))
    return [
        *([f"    {head}"] if default is None else layout.render(4, f"{head} = ", default)),
        *docstring(4, words),
    ]


def _default(scope: Scope, default: str | None, *, secret: bool) -> layout.Expression | None:
    """Return what stands after the annotation of an attribute, or None: its default, and that its repr hides it."""
    if not secret and default != python_types.EMPTY_MAP:
        return default
    options = [default] if default == python_types.EMPTY_MAP else [f"default={default}"] if default else []
    hidden = ["repr=False"] if secret else []
    return layout.simple(scope.imports.need("dataclasses", "field"), *options, *hidden)


def _oneof_member(scope: Scope, message: Message, field: Field) -> Lines:
    default = _default(scope, None, secret=field.secret)
    body = [f"    value: {scope.single(field.type)}{f' = {default}' if default is not None else ''}"]
    return _dataclass(scope, member_class(message, field), field.comment, body)


def _empty(scope: Scope) -> Lines:
    return _dataclass(scope, "Empty", "google.protobuf.Empty: no fields.", [])


def _dataclass(scope: Scope, name: str, comment: str, body: Lines, more: str = "") -> Lines:
    decorator = scope.imports.need("dataclasses", "dataclass")
    return [
        f"@{decorator}(frozen=True, slots=True{more})",
        *layout.class_definition(name, comment, body),
    ]
