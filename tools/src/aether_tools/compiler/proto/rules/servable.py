"""Checks that contracts can be served and represented in Python, beyond what protoc checks."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.compiler.model.contracts import Contracts, EnumType, Field, Message, MessageRef
from aether_tools.compiler.model.derived import required_message
from aether_tools.compiler.proto.rules.caller import check_caller
from aether_tools.compiler.proto.rules.names import check_names
from aether_tools.finding import Finding


def check(contracts: Contracts) -> Iterator[Finding]:
    """Yield the findings of all packages."""
    yield from check_caller(contracts)
    for package in contracts.packages:
        yield from check_names(contracts, package)
        for message in package.messages:
            yield from _requires_itself(contracts, message)
        for enum in package.enums:
            yield from _enum(enum)


def _requires_itself(contracts: Contracts, message: Message) -> Iterator[Finding]:
    """Yield a finding for each field through which a message requires itself: no finite value exists."""
    for field in message.fields:
        chain = _required_path(contracts, message, field)
        if chain:
            through = " -> ".join(step.rpartition(".")[2] for step in (message.full_name, *chain))
            yield Finding(
                field.location,
                "proto-endless",
                f"{message.python_name} requires itself ({through}), so it has no finite value.",
                f"Mark {field.name} optional, or make it repeated.",
            )


def _required_path(contracts: Contracts, target: Message, start: Field) -> tuple[str, ...]:
    """Return the messages that lead from `start` to `target` by required fields alone. Empty if none do."""
    paths: list[tuple[tuple[str, ...], Field]] = [((), start)]
    seen: set[str] = set()
    for path, field in paths:
        if not isinstance(field.type, MessageRef) or not required_message(contracts, field):
            continue
        name = field.type.full_name
        if name == target.full_name:
            return (*path, name)
        inner = contracts.messages.get(name)
        if inner is not None and name not in seen:
            seen.add(name)
            paths += [((*path, name), step) for step in inner.fields]
    return ()


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
