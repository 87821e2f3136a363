"""Writes events.py: a package's integration events, and what puts them on the wire and takes them off it."""

from __future__ import annotations

from aether_tools.compiler.emit import layout
from aether_tools.compiler.emit.codec import CodecWriter
from aether_tools.compiler.emit.literals import docstring, literal
from aether_tools.compiler.emit.python_types import Lines, Scope, header
from aether_tools.compiler.emit.types import definitions
from aether_tools.compiler.model.contracts import Contracts, Message, Package
from aether_tools.compiler.model.derived import is_event
from aether_tools.compiler.model.naming import snake


def events_of(package: Package) -> list[Message]:
    """The events of a package: the top-level messages of its events.proto."""
    return [message for message in package.messages if is_event(message)]


def write_events(contracts: Contracts, package: Package) -> bytes:
    """Types and codecs of events in one module: only a domain's adapters import it."""
    scope = Scope(contracts, package, defines=True, events=True)
    events = events_of(package)
    messages = [message for message in package.messages if message.event]
    enums = [enum for enum in package.enums if enum.event]
    names = [event.python_name for event in events]
    blocks = [
        [
            f"TOPIC: {scope.imports.need('typing', 'Final')} = {literal(package.name)}",
            *docstring(0, "The topic every event of this package goes to."),
        ],
        *definitions(scope, messages, enums),
        [*layout.union(0, "Event = ", names), *docstring(0, "Any event of this package.")],
        _to_bytes(events),
        _from_bytes(scope, package, events),
        *CodecWriter(scope, types=None).functions(messages, enums),
    ]
    return layout.module(
        header(package, events=True),
        f"Integration events of {package.name}: their types, and their bytes on the wire.",
        scope.imports,
        blocks,
    )


def _to_bytes(events: list[Message]) -> Lines:
    lines = ["def to_bytes(event: Event, /) -> bytes:", *docstring(4, "The payload of an event.")]
    lines.append("    match event:")
    for event in events:
        lines.append(f"        case {event.python_name}():")
        written = layout.simple(f"{_stem(event)}_to_pb", "event")
        lines += layout.render(12, "return ", written, ".SerializeToString()")
    return lines


def _from_bytes(scope: Scope, package: Package, events: list[Message]) -> Lines:
    wire = scope.imports.need("aether_adapters.contract", "wire")
    lines = [
        "def from_bytes(type_name: str, payload: bytes, /) -> Event:",
        *docstring(
            4,
            "The event in a payload; raises `Malformed` for a type or for bytes this contract does not know.",
        ),
        "    match type_name:",
    ]
    for event in events:
        module = scope.imports.need(".", "events_pb2")
        lines.append(f"        case {event.python_name}.TYPE:")
        parsed = layout.simple(f"{wire}.parse", f"{module}.{event.python_name}", "payload")
        lines += layout.render(12, "return ", layout.simple(f"{_stem(event)}_from_pb", parsed))
    return [
        *lines,
        "        case _:",
        f"            raise {wire}.unknown_event(type_name, {literal(package.name)})",
    ]


def _stem(event: Message) -> str:
    return snake(event.python_name)
