"""Reads the events of one domain from the names of the generated code.

`contract.InvoiceCreated(...)` publishes, and a subscription of container.py hears the types whose `TYPE` its handlers
name, on the topics that it names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from aether_tools.check.events.event_map import EventsOf, Subscription
from aether_tools.check.imports import layer_of, location
from aether_tools.check.source import Module, NameResolver

_SUBSCRIBERS: Final = frozenset(
    {
        "aether_adapters.kafka.Broadcast",
        "aether_adapters.kafka.Consumer",
        "aether_adapters.service.revocations.revocation_listener",
        "aether_adapters.service.wiring.consumer",
    }
)
"""What container.py subscribes with."""
_MAX_STEPS: Final = 200
"""Bounds the search of what a subscription's arguments name."""


class Source:
    """The modules of one domain, with the generated events that they name."""

    def __init__(
        self, workspace: str, domain: str, package: str, modules: Sequence[Module], names: NameResolver
    ) -> None:
        self.domain = domain
        self.modules = modules
        self.workspace = workspace
        self._package = package
        self._names = names
        self._by_name = {module.name: module for module in modules}
        self.type = re.compile(rf"({re.escape(workspace)}\.\w+\.v\d+)\.events\.(\w+)\.TYPE")
        self.topic = re.compile(rf"({re.escape(workspace)}\.\w+\.v\d+)\.events\.TOPIC")
        self.event = re.compile(rf"({re.escape(workspace)}\.\w+\.v\d+)\.events\.([A-Z]\w*)")
        self.text = re.compile(rf"{re.escape(workspace)}\.[a-z]\w*\.v\d+(\.[A-Z]\w*)?")

    @property
    def source(self) -> str:
        """The `source` of the domain's events: the name of its distribution."""
        return f"{self.workspace}-{self.domain}".replace("_", "-")

    def published(self) -> Iterator[str]:
        """Yield the full name of each event that an adapter makes."""
        for module, node in self.nodes("adapters/"):
            if isinstance(node, ast.Call):
                found = self.event.fullmatch(self._names.resolve(module, node.func) or "")
                if found:
                    yield f"{found[1]}.{found[2]}"

    def subscriptions(self) -> Iterator[Subscription]:
        """Yield the providers of container.py that hear events."""
        container = self._by_name.get(f"{self._package}.container")
        if container is None:
            return
        for name, value in self._providers:
            if not self._is_subscription(container, value):
                continue
            topics, types = set(), set()
            for named in self._named(container, value):
                topic, kind = self.topic.fullmatch(named), self.type.fullmatch(named)
                if topic:
                    topics.add(topic[1])
                if kind:
                    types.add(f"{kind[1]}.{kind[2]}")
            if topics or types:
                yield Subscription(
                    self.domain, name, frozenset(topics), frozenset(types), location(container, value)
                )

    def nodes(self, *layers: str) -> Iterator[tuple[Module, ast.AST]]:
        """Yield every node of the modules of these layers, with its module."""
        for module in self.modules:
            if (layer_of(module) or "").startswith(layers):
                for node in module.nodes:
                    yield module, node

    @cached_property
    def _providers(self) -> tuple[tuple[str, ast.Call], ...]:
        container = self._by_name.get(f"{self._package}.container")
        if container is None:
            return ()
        found = []
        for node in container.nodes:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as value)
                ):
                    found.append((name, value))
        return tuple(found)

    def _is_subscription(self, container: Module, value: ast.Call) -> bool:
        return bool(value.args) and self._names.resolve(container, value.args[0]) in _SUBSCRIBERS

    def _named(self, module: Module, value: ast.AST) -> set[str]:
        """Return the dotted names in an expression, and in the providers, functions and constants that it names."""
        found: set[str] = set()
        waiting: list[tuple[Module, ast.AST]] = [(module, value)]
        providers = dict(self._providers)
        for _ in range(_MAX_STEPS):
            if not waiting:
                break
            at, node = waiting.pop()
            for each in ast.walk(node):
                if not isinstance(each, ast.Name | ast.Attribute):
                    continue
                name = self._names.resolve(at, each)
                if name is None or name in found:
                    continue
                found.add(name)
                name = _full(at, name)
                if at is module and isinstance(each, ast.Name) and each.id in providers:
                    if self._is_adapter(at, providers[each.id]):
                        waiting.append((at, providers[each.id]))
                else:
                    waiting += self._definition(name)
        return found

    def _is_adapter(self, container: Module, value: ast.Call) -> bool:
        called = self._names.resolve(container, value.args[0]) if value.args else None
        return called is not None and called.startswith(f"{self._package}.adapters.")

    def _definition(self, name: str) -> list[tuple[Module, ast.AST]]:
        """Return the function or the value of a constant of adapters/ with this name."""
        owner, _, own = name.rpartition(".")
        module = self._by_name.get(owner)
        if module is None or not owner.startswith(f"{self._package}.adapters"):
            return []
        for statement in module.tree.body:
            match statement:
                case ast.FunctionDef(name=defined) if defined == own:
                    return [(module, statement)]
                case (
                    ast.Assign(targets=[ast.Name(id=defined)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=defined), value=ast.expr() as value)
                ) if defined == own:
                    return [(module, value)]
        return []

    def resolve(self, module: Module, expression: ast.expr) -> str:
        """Return the dotted name that an expression means. Empty if it is no name."""
        return self._names.resolve(module, expression) or ""

    def value(self, module: Module, expression: ast.expr) -> tuple[Module, ast.expr]:
        """Return the value of a constant, or the expression itself, with its module."""
        name = self.resolve(module, expression)
        return (self._constant(_full(module, name)) if name else None) or (module, expression)

    def _constant(self, name: str) -> tuple[Module, ast.expr] | None:
        owner, _, own = name.rpartition(".")
        module = self._by_name.get(owner)
        if module is None:
            return None
        for statement in module.tree.body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=defined)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=defined), value=ast.expr() as value)
                ) if defined == own:
                    return module, value
        return None


def _full(module: Module, name: str) -> str:
    """Return the dotted name of a constant: those of the module itself resolve to their bare name."""
    return name if "." in name else f"{module.name}.{name}"


def events_of(source: Source) -> EventsOf:
    """Return what a domain publishes of its own events, and what it hears."""
    own = {name for name in source.published() if name.split(".")[1] == source.domain}
    return EventsOf(source.domain, frozenset(own), tuple(source.subscriptions()))
