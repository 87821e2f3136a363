"""Checks that contracts can be served and represented in Python, beyond what protoc checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aether_tools.compiler.model.contracts import Contracts, EnumType, Field, Message, MessageRef
from aether_tools.compiler.model.derived import required_message
from aether_tools.compiler.proto.rules.caller import check_caller
from aether_tools.compiler.proto.rules.names import check_names
from aether_tools.finding import Finding


def check(contracts: Contracts) -> Iterator[Finding]:
    """Yield the findings of all packages."""
    yield from check_caller(contracts)
    endless = _endless(contracts)
    for package in contracts.packages:
        yield from check_names(contracts, package)
        for message in package.messages:
            yield from _requires_itself(contracts, message, endless)
        for enum in package.enums:
            yield from _enum(enum)


def _endless(contracts: Contracts) -> dict[str, Message]:
    """Return the messages that lead to a cycle of required fields. Remove the finite ones until none is left."""
    requires = {
        name: {
            field.type.full_name
            for field in message.fields
            if isinstance(field.type, MessageRef) and required_message(contracts, field)
        }
        & contracts.messages.keys()
        for name, message in contracts.messages.items()
    }
    required_by: dict[str, list[str]] = {}
    for name, needed in requires.items():
        for other in needed:
            required_by.setdefault(other, []).append(name)
    finite = [name for name, needed in requires.items() if not needed]
    for name in finite:
        for other in required_by.get(name, ()):
            requires[other].discard(name)
            if not requires[other]:
                finite.append(other)
    return {name: contracts.messages[name] for name, needed in requires.items() if needed}


def _requires_itself(
    contracts: Contracts, message: Message, endless: Mapping[str, Message]
) -> Iterator[Finding]:
    """Yield a finding for each field through which a message requires itself: no finite value exists."""
    for field in message.fields if message.full_name in endless else ():
        chain = _required_path(contracts, message, field, endless)
        if chain:
            through = " -> ".join(step.rpartition(".")[2] for step in (message.full_name, *chain))
            yield Finding(
                field.location,
                "proto-endless",
                f"{message.python_name} requires itself ({through}), so it has no finite value.",
                f"Mark {field.name} optional, or make it repeated.",
            )


def _required_path(
    contracts: Contracts, target: Message, start: Field, endless: Mapping[str, Message]
) -> tuple[str, ...]:
    """Return the messages that lead from `start` to `target` by required fields alone. Empty if none do."""
    before: dict[str, str] = {}
    waiting = [("", start)]
    for previous, field in waiting:
        if not isinstance(field.type, MessageRef) or not required_message(contracts, field):
            continue
        name = field.type.full_name
        if name not in endless or name in before:
            continue
        before[name] = previous
        if name == target.full_name:
            return _back(name, before)
        waiting += [(name, step) for step in endless[name].fields]
    return ()


def _back(name: str, before: Mapping[str, str]) -> tuple[str, ...]:
    path = []
    while name:
        path.append(name)
        name = before[name]
    return tuple(reversed(path))


def _enum(enum: EnumType) -> Iterator[Finding]:
    if not enum.members:
        yield Finding(
            enum.location,
            "proto-empty-enum",
            f"{enum.python_name} has only the unspecified value, which no message may carry.",
            "Declare the values that it can have.",
        )
    numbers: dict[int, str] = {}
    for member in enum.members:
        if member.number in numbers:
            yield Finding(
                enum.location,
                "proto-enum-alias",
                f"{member.name} and {numbers[member.number]} share the number {member.number}, so one would be read as the other.",
                "Keep one name for each number.",
            )
        numbers.setdefault(member.number, member.name)
