"""Checks how the code of one domain names, stores and sends its events."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final

from aether_tools.check.events.event_map import Declarations
from aether_tools.check.events.event_source import Source
from aether_tools.check.events.outgoing import check_outgoing
from aether_tools.check.imports import location
from aether_tools.check.source import Module
from aether_tools.finding import Finding

_PRODUCERS: Final = (
    "aether_adapters.kafka.Producer",
    "aether_adapters.kafka.BatchingProducer",
    "aether_adapters.kafka.producer",
    "aether_adapters.kafka.batching_producer",
    "confluent_kafka",
)


def check_source(
    source: Source, declared: Declarations, *, past_outbox: Collection[str]
) -> Iterator[Finding]:
    """Yield the findings of a domain's code alone. `past_outbox` are the events that it may send itself."""
    yield from _literals(source, {each.name for each in declared.events})
    yield from _unknown(source, declared.names)
    yield from check_outgoing(source)
    yield from _lost(source)
    if not past_outbox:
        yield from _past_outbox(source)


def _literals(source: Source, declared: set[str]) -> Iterator[Finding]:
    for module, node in source.nodes("adapters/", "container.py"):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and source.text.fullmatch(node.value)
        ):
            known = node.value in declared or any(each.startswith(f"{node.value}.") for each in declared)
            name = node.value.rpartition(".")[2] if node.value in declared else ""
            yield Finding(
                location(module, node),
                "event-literal" if known else "event-undeclared",
                f'"{node.value}" names an event or a topic by its text, so a change of the contract is not noticed.'
                if known
                else f'"{node.value}" is no event and no topic that a contract declares.',
                f"Write `{name}.TYPE` of the generated events."
                if name
                else "Write `TOPIC` of the generated events.",
            )


def _unknown(source: Source, known: Collection[str]) -> Iterator[Finding]:
    for module, node in source.nodes("adapters/", "container.py"):
        if isinstance(node, ast.Attribute):
            found = source.event.fullmatch(source.resolve(module, node))
            if found and f"{found[1]}.{found[2]}" not in known:
                yield Finding(
                    location(module, node),
                    "event-undeclared",
                    f"No contract declares the event {found[1]}.{found[2]}.",
                    f"Declare `message {found[2]}` in proto/{found[1].replace('.', '/')}/events.proto, or remove this.",
                )


def _lost(source: Source) -> Iterator[Finding]:
    """Yield a finding for each repository that stores an aggregate without its events."""
    carrying = set(_aggregates_with_events(source))
    for module, node in source.nodes("adapters/"):
        if not isinstance(node, ast.ClassDef):
            continue
        methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
        for method in (methods[name] for name in ("add", "save") if name in methods):
            for parameter in method.args.posonlyargs + method.args.args:
                stored = source.resolve(module, parameter.annotation) if parameter.annotation else None
                if (method.name, stored) in carrying and not _reads_events(method, methods, module):
                    kind = str(stored).rpartition(".")[2]
                    yield Finding(
                        location(module, method),
                        "event-lost",
                        f"{node.name}.{method.name} stores the {kind} without its events, so nobody hears of the change.",
                        "Add them to the outbox after the row: `self._outbox.add(*(outgoing(event) for event in "
                        f"{parameter.arg}.events))`.",
                    )


def _aggregates_with_events(source: Source) -> Iterator[tuple[str, str]]:
    """Yield each aggregate that carries events, with the method of its repository that must store them.

    A new one is stored by `add`, and need not carry any: only one whose factory gives it some does.
    """
    for module, node in source.nodes("domain/"):
        if isinstance(node, ast.ClassDef) and any(
            isinstance(each, ast.AnnAssign)
            and isinstance(each.target, ast.Name)
            and each.target.id == "events"
            for each in node.body
        ):
            yield "save", f"{module.name}.{node.name}"
            factories = [each for each in node.body if _is_class_method(each)]
            if any(_gives_events(each) for factory in factories for each in ast.walk(factory)):
                yield "add", f"{module.name}.{node.name}"


def _past_outbox(source: Source) -> Iterator[Finding]:
    for module, node in source.nodes("adapters/"):
        match node:
            case ast.ImportFrom(names=aliases):
                origin = module.origin(node)
                imported = [f"{origin}.{alias.name}" for alias in aliases]
            case ast.Import(names=aliases):
                imported = [alias.name for alias in aliases]
            case _:
                continue
        for name in imported:
            if any(name == each or name.startswith(f"{each}.") for each in _PRODUCERS):
                yield Finding(
                    location(module, node),
                    "event-past-outbox",
                    f"This adapter can send events itself, with {name}: an event past the outbox is lost, or told "
                    "though its transaction was rolled back.",
                    "Add the event to the outbox in the unit of work; if this is deliberate, name the events in the "
                    'domain\'s pyproject.toml: [tool.aether.check] past_outbox = ["InvoiceCreated"].',
                )


def _is_class_method(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Name) and each.id == "classmethod" for each in node.decorator_list
    )


def _gives_events(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and any(keyword.arg == "events" for keyword in node.keywords)


def _reads_events(method: ast.FunctionDef, methods: dict[str, ast.FunctionDef], module: Module) -> bool:
    """Whether a method, or what it calls in its class or module, reads `.events`."""
    functions = {each.name: each for each in module.tree.body if isinstance(each, ast.FunctionDef)}
    waiting: list[ast.FunctionDef] = [method]
    seen: set[str] = set()
    while waiting:
        for node in ast.walk(waiting.pop()):
            match node:
                case ast.Attribute(attr="events", ctx=ast.Load()):
                    return True
                case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)) if name in methods:
                    if name not in seen:
                        seen.add(name)
                        waiting.append(methods[name])
                case ast.Call(func=ast.Name(id=name)) if name in functions and name not in seen:
                    seen.add(name)
                    waiting.append(functions[name])
    return False
