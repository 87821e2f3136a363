"""Predicates derived from the contracts, shared by checks and writers."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.compiler.model import naming
from aether_tools.compiler.model.contracts import (
    Contracts,
    Field,
    FieldType,
    Message,
    MessageRef,
    Package,
    WellKnown,
)


def is_event(message: Message) -> bool:
    """Return whether a message is an event: a top-level message of events.proto."""
    return message.event and "." not in message.full_name.removeprefix(f"{message.package}.")


def is_caller(contracts: Contracts, kind: FieldType | MessageRef | WellKnown) -> bool:
    """Return whether a type is the message that both edges fill with the verified caller."""
    return isinstance(kind, MessageRef) and kind.full_name == contracts.caller


def has_member_class(message: Message, field: Field) -> bool:
    """Whether a oneof's field is held by a class of its own, such as `PaymentCard`.

    A message that only one member of the oneof has tells the members apart itself, and is not wrapped.
    """
    others = (each.type for each in message.fields if each.oneof == field.oneof and each is not field)
    return not isinstance(field.type, MessageRef) or field.type in others


def member_class(message: Message, field: Field) -> str:
    """Return the class that holds a oneof member: `PaymentCard` for `card` of `Payment`."""
    return f"{message.python_name}{naming.pascal(field.name)}"


def oneofs(message: Message) -> dict[str, list[Field]]:
    """Return the fields of each oneof by its name, in contract order."""
    groups: dict[str, list[Field]] = {}
    for field in message.fields:
        if field.oneof is not None:
            groups.setdefault(field.oneof, []).append(field)
    return groups


def parts(message: Message) -> Iterator[Field | tuple[str, list[Field]]]:
    """Yield a message's attributes in contract order: plain fields, and each oneof at its first field."""
    groups = oneofs(message)
    for field in message.fields:
        if field.oneof is None:
            yield field
        elif groups[field.oneof][0] is field:
            yield field.oneof, groups[field.oneof]


def required_message(contracts: Contracts, field: Field) -> bool:
    """Return whether a field is a required message: singular, not optional, not in a oneof, not the caller."""
    if field.repeated or field.map_key is not None or field.nullable or field.oneof is not None:
        return False
    return isinstance(field.type, MessageRef | WellKnown) and not is_caller(contracts, field.type)


def uses_empty(package: Package) -> bool:
    """Return whether a package uses google.protobuf.Empty."""
    methods = package.service.methods if package.service else ()
    fields = (field for message in package.messages for field in message.fields)
    return any(WellKnown.EMPTY in (method.request, method.response) for method in methods) or any(
        field.type is WellKnown.EMPTY for field in fields
    )
