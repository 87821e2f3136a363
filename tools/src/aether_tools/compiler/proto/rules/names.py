"""Rules of names: no two elements of a contract share a Python name, and none takes a reserved one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from google.protobuf.message import Message as ProtobufMessage

from aether_tools.compiler.model import naming
from aether_tools.compiler.model.contracts import (
    Contracts,
    EnumRef,
    EnumType,
    FieldType,
    Message,
    MessageRef,
    Package,
    WellKnown,
)
from aether_tools.compiler.model.derived import has_member_class, member_class, oneofs, uses_empty
from aether_tools.finding import Finding, Location


class Names:
    """Names in use in one Python scope, with the contract element that uses each."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def take(self, name: str, what: str, location: Location) -> Iterator[Finding]:
        """Reserve a name for the element `what`. Yield a finding if another element has it."""
        other = self._taken.setdefault(name, what)
        if other != what:
            yield Finding(
                location,
                "proto-name",
                f"{what} and {other} get the same Python name, {name}.",
                "Rename one of the two.",
            )


def check_names(contracts: Contracts, package: Package) -> Iterator[Finding]:
    """Yield a finding for each name collision and reserved name in a package's generated code."""
    classes, functions, readers = Names(), Names(), Names()
    for kind in _foreign(contracts, package):
        yield from classes.take(kind.python_name, kind.full_name, kind.location)
        yield from functions.take(naming.snake(kind.python_name), kind.full_name, kind.location)
    if uses_empty(package):
        yield from classes.take("Empty", WellKnown.EMPTY.value, Location(f"proto/{package.files[0]}", 1, 1))
    own: tuple[Message | EnumType, ...] = (*package.messages, *package.enums)
    for kind in own:
        yield from _private(kind.full_name, kind.full_name.rpartition(".")[2], kind.location)
        collisions = list(classes.take(kind.python_name, kind.full_name, kind.location))
        yield from collisions or functions.take(naming.snake(kind.python_name), kind.full_name, kind.location)
    named = {kind.python_name for kind in own}
    for message in package.messages:
        yield from _attributes(message)
        for field in message.fields:
            if field.python_name in named:
                yield from classes.take(
                    field.python_name, f"{message.full_name}.{field.name}", field.location
                )
        for oneof, fields in oneofs(message).items():
            reader = f"{naming.snake(message.python_name)}_{oneof}"
            yield from readers.take(reader, f"the oneof {oneof} of {message.full_name}", fields[0].location)
            for field in fields:
                if not has_member_class(message, field):
                    continue
                what = f"the {field.name} of {message.full_name}"
                yield from classes.take(member_class(message, field), what, field.location)
    for enum in package.enums:
        yield from _members(enum)
    yield from _methods(package, classes)


def _foreign(contracts: Contracts, package: Package) -> list[Message | EnumType]:
    """Return the types of other packages that a package's generated code imports."""
    names = sorted(_reached(contracts, package))
    known = (contracts.messages.get(name) or contracts.enums.get(name) for name in names)
    return [kind for kind in known if kind is not None and kind.package != package.name]


def _reached(contracts: Contracts, package: Package) -> Iterator[str]:
    """Yield the full names of the types that a package's fields and methods refer to, directly or not."""
    methods = package.service.methods if package.service else ()
    waiting: list[FieldType] = [field.type for message in package.messages for field in message.fields]
    waiting += [kind for method in methods for kind in (method.request, method.response)]
    seen: set[str] = set()
    for ref in waiting:
        if isinstance(ref, MessageRef | EnumRef) and ref.full_name not in seen:
            seen.add(ref.full_name)
            yield ref.full_name
            message = contracts.messages.get(ref.full_name)
            waiting += [] if message is None else [field.type for field in message.fields]


def _attributes(message: Message) -> Iterator[Finding]:
    names = Names()
    groups = oneofs(message)
    for field in message.fields:
        if field.oneof is None:
            yield from names.take(field.python_name, f"{message.full_name}.{field.name}", field.location)
        elif groups[field.oneof][0] is field:
            what = f"the oneof {field.oneof} of {message.full_name}"
            yield from names.take(naming.field_name(field.oneof), what, field.location)
        for name in (field.name, field.oneof or ""):
            yield from _private(f"{message.full_name}.{name}", name, field.location)
        if field.name in _PROTOBUF_ATTRIBUTES:
            yield Finding(
                field.location,
                "proto-name",
                f"{message.full_name}.{field.name} hides an attribute that every protobuf message has in Python.",
                f"Rename it to {naming.snake(field.name)}.",
            )


_PROTOBUF_ATTRIBUTES: Final = frozenset(name for name in dir(ProtobufMessage) if not name.startswith("_"))


def _private(what: str, name: str, location: Location) -> Iterator[Finding]:
    if name.startswith("_"):
        yield Finding(
            location,
            "proto-name",
            f"{what} begins with an underscore, which makes it private in Python.",
            f"Rename it to {name.strip('_') or 'a word'}.",
        )


def _members(enum: EnumType) -> Iterator[Finding]:
    names = Names()
    for member in enum.members:
        yield from _private(f"{enum.full_name}.{member.name}", member.name, enum.location)
        yield from names.take(member.python_name, member.name, enum.location)


def _methods(package: Package, classes: Names) -> Iterator[Finding]:
    """Check a service: its Protocols share a module with their types, its attributes share a dataclass."""
    if package.service is None:
        return
    attributes = Names()
    service = package.service
    for prefix in ("", "Async"):
        yield from classes.take(
            f"{prefix}{service.python_name}",
            f"{prefix or 'the'} service {service.full_name}",
            service.location,
        )
        for method in service.methods:
            yield from classes.take(
                f"{prefix}{method.name}", f"the method {prefix}{method.name}", method.location
            )
    for name, location in (
        (service.name, service.location),
        *((method.name, method.location) for method in service.methods),
    ):
        if not name[:1].isupper():
            yield Finding(
                location,
                "proto-name",
                f"{name} begins with {name[:1]!r}, as names of generated modules and variables do.",
                f"Write it in CamelCase: {naming.pascal(name.lstrip('_')) or 'Service'}.",
            )
        elif naming.class_name(name) != name:
            yield Finding(
                location,
                "proto-name",
                f"{name} is a reserved name in generated code.",
                "Choose a more specific name: the service's subject, or what the method does to which object.",
            )
    for method in service.methods:
        yield from attributes.take(method.python_name, f"the method {method.name}", method.location)
