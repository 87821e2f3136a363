"""Checks the attributes of the events that a domain sends: topic, source, key and type."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from aether_tools.check.events.event_source import Source
from aether_tools.check.imports import location
from aether_tools.check.source import Module
from aether_tools.finding import Finding

_OUTGOING: Final = "aether_adapters.kernel.events.OutgoingEvent"


def check_outgoing(source: Source) -> Iterator[Finding]:
    """Yield a finding for each attribute of an `OutgoingEvent` that does not fit its contract."""
    for module, node in source.nodes("adapters/", "container.py"):
        if isinstance(node, ast.Call) and source.resolve(module, node.func) == _OUTGOING:
            given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
            yield from _check_topic(source, module, given.get("topic"))
            yield from _check_source(source, module, given.get("source"))
            yield from _check_key(source, module, given.get("key"))
            yield from _check_type(module, given.get("type"), given.get("payload"))


def _check_topic(source: Source, module: Module, topic: ast.expr | None) -> Iterator[Finding]:
    if topic is None:
        return
    at, value = source.value(module, topic)
    named = source.topic.fullmatch(source.resolve(at, value))
    own = f"{source.workspace}.{source.domain}."
    if named is None and isinstance(value, ast.Constant) and not source.text.fullmatch(str(value.value)):
        reason = f"Events of {source.domain} go to the topic {ast.unparse(value)}, which no contract names."
    elif named is not None and not named[1].startswith(own):
        reason = f"Events of {source.domain} go to the topic {named[1]}, which belongs to another domain."
    else:
        return
    yield Finding(
        location(at, value), "event-topic", reason, "Write `TOPIC` of this domain's generated events."
    )


def _check_source(source: Source, module: Module, named: ast.expr | None) -> Iterator[Finding]:
    if named is None:
        return
    at, value = source.value(module, named)
    if not isinstance(value, ast.Constant):
        return
    if value is named:
        reason = f"The source of the events is the text {value.value!r}, which consumer groups must repeat."
    elif value.value != source.source:
        reason = f"The source of the events is {value.value!r}, but the domain's distribution is {source.source!r}."
    else:
        return
    yield Finding(
        location(at, value),
        "event-source",
        reason,
        f'Write `SOURCE = "{source.source}"`, and use that name.',
    )


def _check_key(source: Source, module: Module, key: ast.expr | None) -> Iterator[Finding]:
    if key is None:
        return
    at, value = source.value(module, key)
    match value:
        case ast.Constant() | ast.JoinedStr(values=[] | [ast.Constant()]):
            constant = True
        case ast.Call(func=ast.Name(id="str"), args=[] | [ast.Constant()]):
            constant = True
        case _:
            constant = False
    if constant:
        yield Finding(
            location(at, value),
            "event-key",
            f"The key of every event is {ast.unparse(value)}, but only the events of one key keep their order.",
            "Use the id of the aggregate, such as `key=str(event.invoice_id)`.",
        )


def _check_type(module: Module, kind: ast.expr | None, payload: ast.expr | None) -> Iterator[Finding]:
    match kind, payload:
        case ast.Attribute(value=named, attr="TYPE"), ast.Call(args=[written]):
            if ast.unparse(named) != ast.unparse(written):
                yield Finding(
                    location(module, kind),
                    "event-type",
                    f"The type is that of {ast.unparse(named)}, but the payload is {ast.unparse(written)}.",
                    f"Write `type={ast.unparse(written)}.TYPE`.",
                )
