"""Writes types.py: what a contract talks about, as frozen dataclasses and enums that know no technology."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from aether_tools.compiler.emit import layout
from aether_tools.compiler.emit.scope import Lines, Scope, header
from aether_tools.compiler.model.contracts import Contracts, EnumType, Field, Message, Package
from aether_tools.compiler.model.derived import is_event, member_class, parts, uses_empty
from aether_tools.compiler.model.naming import field_name

_FILL_SLOTS: Final = '''\
def _fill_slots(*classes: type) -> None:
    """Let `__init__` fill slots by their descriptors, in two thirds of the time of `object.__setattr__`."""
    for cls in classes:
        own = vars(cls)
        scope = {f"__set_{name}": own[name].__set__ for name in own["__slots__"]}
        sets = "; ".join(f"__set_{name}(__self, {name})" for name in own["__slots__"])
        exec(f"def __init__(__self, /, *, {', '.join(own['__slots__'])}): {sets}", scope)  # noqa: S102
        new, old = scope["__init__"], own["__init__"]
        for name in ("__annotations__", "__kwdefaults__", "__module__", "__qualname__"):
            setattr(new, name, getattr(old, name))
        type.__setattr__(cls, "__init__", new)
'''
"""Makes values cheaper to make: it stands in each module, because pure types import the standard library alone."""


def write_types(contracts: Contracts, package: Package) -> bytes:
    """The module of every type of a package that is no event."""
    scope = Scope(contracts, package, defines=True)
    blocks = [_empty(scope)] if uses_empty(package) else []
    blocks += definitions(
        scope,
        [message for message in package.messages if not message.event],
        [enum for enum in package.enums if not enum.event],
    )
    return layout.module(
        header(package),
        f"The values of {package.name}: plain, immutable, and free of any technology.",
        scope.imports,
        blocks,
    )


def definitions(scope: Scope, messages: Iterable[Message], enums: Iterable[EnumType]) -> Iterator[Lines]:
    """The definitions of enums and messages, each a top-level block."""
    messages = tuple(messages)
    for enum in enums:
        yield _enum(scope, enum)
    for message in messages:
        for part in parts(message):
            if isinstance(part, tuple):
                yield from (_oneof_member(scope, message, field) for field in part[1])
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
        yield _FILL_SLOTS.splitlines()
        yield layout.render(0, "", layout.simple("_fill_slots", *filled))


def _enum(scope: Scope, enum: EnumType) -> Lines:
    lines = [
        f"class {enum.python_name}({scope.imports.need('enum', 'Enum')}):",
        *layout.docstring(4, enum.comment or f"The enum {enum.full_name}."),
        "",
    ]
    for member in enum.members:
        lines.append(f'    {member.python_name} = "{member.name}"')
        if member.comment:
            lines += layout.docstring(4, member.comment)
    return lines


def _message(scope: Scope, message: Message) -> Lines:
    lines = _dataclass(
        scope, message.python_name, message.comment or f"The message {message.full_name}.", ", kw_only=True"
    )
    body: Lines = []
    if is_event(message):
        head = f"TYPE: {scope.imports.need('typing', 'ClassVar')}[str] = "
        name = f'"{message.full_name}"'
        fits = 4 + len(head) + len(name) <= layout.WIDTH
        body += [f"    {head}{name}"] if fits else [f"    {head}(", f"        {name}", "    )"]
    for part in parts(message):
        if isinstance(part, tuple):
            name, fields = part
            members = [*(member_class(message, field) for field in fields), "None"]
            body += layout.union(4, f"{field_name(name)}: ", members, " = None")
        else:
            body += _field(scope, message, part)
    return [*lines, "", *body] if body else lines


def _field(scope: Scope, message: Message, field: Field) -> Lines:
    default = scope.default(message, field)
    tail = f" = {default}" if default is not None else ""
    words = "\n\n".join(filter(None, (field.comment, "Deprecated." if field.deprecated else "")))
    line = f"    {field.python_name}: {scope.annotation(field)}{tail}"
    return [line, *layout.docstring(4, words)] if words else [line]


def _oneof_member(scope: Scope, message: Message, field: Field) -> Lines:
    comment = field.comment or f"The `{field.name}` of {message.python_name}.{field.oneof}."
    return [
        *_dataclass(scope, member_class(message, field), comment),
        "",
        f"    value: {scope.single(field.type)}",
    ]


def _empty(scope: Scope) -> Lines:
    return _dataclass(scope, "Empty", "Nothing: google.protobuf.Empty.")


def _dataclass(scope: Scope, name: str, comment: str, more: str = "") -> Lines:
    decorator = scope.imports.need("dataclasses", "dataclass")
    return [f"@{decorator}(frozen=True, slots=True{more})", f"class {name}:", *layout.docstring(4, comment)]
