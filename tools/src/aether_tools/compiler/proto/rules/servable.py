"""What contracts must be beyond what protoc asks, so that they can be served, called and read as Python."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.compiler.model.contracts import Contracts, EnumType, Field, Message, MessageRef
from aether_tools.compiler.model.derived import required_message
from aether_tools.compiler.proto.rules.caller import check_caller
from aether_tools.compiler.proto.rules.names import check_names
from aether_tools.finding import Finding


def check(contracts: Contracts) -> Iterator[Finding]:
    """Every breach in every package."""
    yield from check_caller(contracts)
    for package in contracts.packages:
        yield from check_names(contracts, package)
        for message in package.messages:
            yield from _endless(contracts, message)
        for enum in package.enums:
            yield from _enum(enum)


def _endless(contracts: Contracts, message: Message) -> Iterator[Finding]:
    """A message that requires itself has no value: building one would never end."""
    for field in message.fields:
        chain = _way_back(contracts, message, field)
        if chain:
            through = " -> ".join(step.rpartition(".")[2] for step in (message.full_name, *chain))
            yield Finding(
                field.location,
                "proto-endless",
                f"{message.python_name} requires itself ({through}), so no value of it can end.",
                f"Mark {field.name} optional, or make it repeated.",
            )


def _way_back(contracts: Contracts, home: Message, start: Field) -> tuple[str, ...]:
    """The messages from a required field back to `home`, by required fields alone; empty where none leads there."""
    ways: list[tuple[tuple[str, ...], Field]] = [((), start)]
    seen: set[str] = set()
    for way, field in ways:
        if not isinstance(field.type, MessageRef) or not required_message(contracts, field):
            continue
        name = field.type.full_name
        if name == home.full_name:
            return (*way, name)
        inner = contracts.messages.get(name)
        if inner is not None and name not in seen:
            seen.add(name)
            ways += [((*way, name), step) for step in inner.fields]
    return ()


def _enum(enum: EnumType) -> Iterator[Finding]:
    if not enum.members:
        yield Finding(
            enum.location,
            "proto-empty-enum",
            f"{enum.python_name} has no value but the unspecified one, which is refused on the wire.",
            "Give it the values it can have.",
        )
    numbers: dict[int, str] = {}
    for member in enum.members:
        if member.number in numbers:
            yield Finding(
                enum.location,
                "proto-enum-alias",
                f"{member.name} and {numbers[member.number]} share the number {member.number}: one would come back as the other.",
                "Keep one name for each number.",
            )
        numbers.setdefault(member.number, member.name)
