"""Compares two OpenAPI documents, of 3.0 or 3.1, as a client of the first one meets the second."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from aether_tools.breaking.changes import Changes, Key
from aether_tools.breaking.library import Library
from aether_tools.breaking.operations import OperationComparison, Side
from aether_tools.breaking.places import at, at_key, vanished
from aether_tools.breaking.schemas import SchemaComparison
from aether_tools.breaking.security import (
    alternatives,
    compare_schemes,
    compare_security,
    same_names,
    schemes,
)
from aether_tools.breaking.shape import Shapes
from aether_tools.breaking.sunset import sunset
from aether_tools.compiler.openapi.document import Node
from aether_tools.finding import Finding

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_TEMPLATE: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of a document; None if there was none, or is none any more."""

    old: Path | None
    new: Path | None


def compare_documents(
    old: Path, new: Path, *, old_library: Library, new_library: Library, today: date
) -> tuple[Finding, ...]:
    """Return every difference that concerns a client, safe ones too, sorted by place.

    `today` decides whether a deprecated operation may be gone. Raises `ContractError` if a document, or a file that
    it refers to, cannot be read.
    """
    return compare_pairs([Pair(old, new)], old_library=old_library, new_library=new_library, today=today)


def compare_pairs(
    pairs: Sequence[Pair], *, old_library: Library, new_library: Library, today: date
) -> tuple[Finding, ...]:
    """Compare documents that may share files, as `compare_documents` does; what they share is told once."""
    comparison = _DocumentComparison(old_library, new_library, today)
    with _without_collector():
        for pair in pairs:
            old = None if pair.old is None else old_library.document(pair.old)
            new = None if pair.new is None else new_library.document(pair.new)
            comparison.run(old, new)
        old_library.check()
        new_library.check()
        return tuple(sorted(comparison.changes.findings(old_library.place, new_library.place)))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python from looking for garbage in trees that are all in use, which takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _DocumentComparison:
    def __init__(self, old: Library, new: Library, today: date) -> None:
        self._old = old
        self._new = new
        self._today = today
        self.changes = Changes()
        self._schemas = SchemaComparison(Shapes(old), Shapes(new), self.changes)

    def run(self, old: Node | None, new: Node | None) -> None:
        if old is not None and new is not None:
            self._both(old, new)
        elif new is not None:
            self.changes.add(
                "api-contract-added", "The contract is new", at(new), ("document", new.location.file)
            )
        elif old is not None:
            self._gone(old)

    def _gone(self, old: Node) -> None:
        """Tell of a document that is gone: each path is over, or all is lost."""
        items = list(_by_template(old.get("paths")).values())
        operations = [each for _, item in items for _, each in _operations(self._old.resolve(item))]
        key: Key = ("document", old.location.file)
        if operations and all(map(self._is_over, operations)):
            self.changes.add(
                "api-operation-sunset", "The contract is gone after its x-sunset", vanished(old), key
            )
        else:
            until = self._until(operations)
            self.changes.add("api-contract-removed", f"The contract is gone{until}", vanished(old), key)

    def _both(self, old: Node, new: Node) -> None:
        self._servers(old, new)
        schemes_before, schemes_now = schemes(old, self._old), schemes(new, self._new)
        compare_schemes(schemes_before, schemes_now, self.changes)
        self._roots = (old, new)
        self._renamed = same_names(schemes_before, schemes_now)
        self._paths(old.get("paths"), new.get("paths"))
        self._calls(old.get("webhooks"), new.get("webhooks"), "webhook", ("document", ""))
        self._schemas.run()

    def _servers(self, old: Node, new: Node) -> None:
        before = {node.text("url"): node for node in old.listed("servers")}
        now = {node.text("url") for node in new.listed("servers")}
        for url, node in before.items():
            if url not in now:
                self.changes.add(
                    "api-server-removed", f"The server {url} is gone", vanished(node), ("document", "")
                )

    def _paths(self, old: Node | None, new: Node | None) -> None:
        before, now = _by_template(old), _by_template(new)
        for template in before:
            name, item = before[template]
            if template not in now and old is not None:
                self._removed_path(old, name, item)
        for template in now:
            name, item = now[template]
            if template not in before and new is not None:
                key: Key = ("path", name)
                self.changes.add("api-operation-added", f"The path {name} is new", at_key(new, name), key)
        for template in before:
            if template in now:
                self._item(before[template], now[template])

    def _removed_path(self, paths: Node, name: str, item: Node) -> None:
        operations = dict(_operations(self._old.resolve(item)))
        kept = [method for method, operation in operations.items() if not self._is_over(operation)]
        place, key = vanished(paths, name), ("path", name)
        if operations and not kept:
            self.changes.add(
                "api-operation-sunset", f"The path {name} is gone after its x-sunset", place, key
            )
            return
        until = self._until([operations[method] for method in kept])
        self.changes.add("api-path-removed", f"The path {name} is gone{until}", place, key)

    def _is_over(self, operation: Node) -> bool:
        last = sunset(operation)
        return last is not None and last < self._today

    def _until(self, operations: list[Node]) -> str:
        dates = [last for last in map(sunset, operations) if last is not None]
        return f", and was promised until {max(dates)}" if dates else ""

    def _item(self, old: tuple[str, Node], new: tuple[str, Node]) -> None:
        item_before, item_now = self._old.resolve(old[1]), self._new.resolve(new[1])
        if item_before is None or item_now is None:
            return
        before, now = dict(_operations(item_before)), dict(_operations(item_now))
        for method in before:
            called = f"{method.upper()} {new[0]}"
            key: Key = ("path", called)
            if method not in now:
                place = vanished(item_before, method)
                if self._is_over(before[method]):
                    self.changes.add(
                        "api-operation-sunset", f"{called} is gone after its x-sunset", place, key
                    )
                else:
                    until = self._until([before[method]])
                    self.changes.add("api-operation-removed", f"{called} is gone{until}", place, key)
                continue
            sides = (
                Side(self._old, item_before, before[method], tuple(_TEMPLATE.findall(old[0]))),
                Side(self._new, item_now, now[method], tuple(_TEMPLATE.findall(new[0]))),
            )
            self._operation(*sides, called)
        for method in now:
            if method not in before:
                called = f"{method.upper()} {new[0]}"
                place = at_key(item_now, method)
                self.changes.add("api-operation-added", f"{called} is new", place, ("path", called))

    def _operation(self, old: Side, new: Side, called: str) -> None:
        OperationComparison(old, new, called, self.changes, self._schemas).run()
        key: Key = ("operation", called)
        compare_security(
            alternatives(self._roots[0], old.operation),
            alternatives(self._roots[1], new.operation),
            self._renamed,
            self.changes,
            key,
        )
        before, now = (dict(side.operation.entries("callbacks")) for side in (old, new))
        for name in sorted(before.keys() | now.keys()):
            if name not in now:
                what = f"The callback {name} is gone"
                place = vanished(old.operation.get("callbacks") or old.operation, name)
                self.changes.add("api-callback-removed", what, place, key)
            elif name not in before:
                place = at_key(new.operation.get("callbacks") or new.operation, name)
                self.changes.add("api-callback-added", f"The callback {name} is new", place, key)
            else:
                old_callback, new_callback = self._old.resolve(before[name]), self._new.resolve(now[name])
                self._calls(old_callback, new_callback, f"callback {name} of {called}:", key)

    def _calls(self, old: Node | None, new: Node | None, kind: str, key: Key) -> None:
        """Compare the calls that the service makes: the operations of a callback, or all webhooks."""
        before = {} if old is None else dict(old.items())
        now = {} if new is None else dict(new.items())
        for name, node in before.items():
            if name.startswith("x-"):
                continue
            if name not in now:
                self.changes.add(
                    "api-callback-removed", f"The {kind} {name} is gone", vanished(old or node, name), key
                )
                continue
            item_before, item_now = self._old.resolve(node), self._new.resolve(now[name])
            if item_before is None or item_now is None:
                continue
            for method, operation in _operations(item_before):
                other = item_now.get(method)
                if other is None:
                    gone = vanished(item_before, method)
                    self.changes.add("api-callback-removed", f"The {kind} {name} is gone", gone, key)
                    continue
                sides = (Side(self._old, item_before, operation, ()), Side(self._new, item_now, other, ()))
                called = f"{kind} {name}"
                OperationComparison(*sides, called, self.changes, self._schemas, reverse=True).run()
        for name, node in now.items():
            if name not in before and not name.startswith("x-"):
                self.changes.add(
                    "api-callback-added", f"The {kind} {name} is new", at_key(new or node, name), key
                )


def _by_template(paths: Node | None) -> dict[str, tuple[str, Node]]:
    """Return each path with its item, by the path without the names of its parameters."""
    if paths is None:
        return {}
    return {_TEMPLATE.sub("{}", name): (name, item) for name, item in paths.items() if name.startswith("/")}


def _operations(item: Node | None) -> Iterator[tuple[str, Node]]:
    if item is not None:
        for method in METHODS:
            operation = item.get(method)
            if operation is not None and operation.mapping is not None:
                yield method, operation
