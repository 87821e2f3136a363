"""An OpenAPI file as a tree of nodes with their locations, and the targets of its references."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NoReturn

from aether_tools.finding import ContractError, Finding, Location

Scalar = str | int | float | bool | None


class Findings:
    """Collects findings, so that one run reports them all."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}
        self._causes: dict[tuple[str, ...], dict[Finding, None]] = {}
        self._shared: dict[tuple[str, ...], Location] = {}
        self._sound: set[Location] = set()

    def add(self, at: Node | Location, code: str, reason: str, fix: str) -> None:
        """Add a finding, unless it has been added before."""
        self._found[_finding(at, code, reason, fix)] = None

    def add_effect(
        self,
        cause: tuple[str, ...],
        at: Node | Location,
        code: str,
        reason: str,
        fix: str,
        shared: Location | None = None,
    ) -> None:
        """Add one of several findings that have one `cause`: they become the first one, with the places of the others.

        If there are several and the value that they share at `shared` is nowhere `sound`, it is found instead.
        """
        self._causes.setdefault(cause, {})[_finding(at, code, reason, fix)] = None
        if shared is not None:
            self._shared[cause] = shared

    def sound(self, shared: Location) -> None:
        """Note that a shared value fits somewhere, so that a place where it does not is at fault."""
        self._sound.add(shared)

    def __len__(self) -> int:
        return len(self._found) + sum(map(len, self._causes.values()))

    def stop(self, at: Node | Location, code: str, reason: str, fix: str) -> NoReturn:
        """Add a finding that leaves nothing else to check, and raise `ContractError`."""
        self.add(at, code, reason, fix)
        raise ContractError(*self._found, *self._by_cause())

    def refuse(self) -> None:
        """Raise `ContractError` if there are findings."""
        if len(self):
            raise ContractError(*self._found, *self._by_cause())

    def _by_cause(self) -> Iterator[Finding]:
        """Yield one finding for each cause."""
        for cause, effects in self._causes.items():
            places = sorted({effect.location: effect for effect in effects}.values())
            shared = self._shared.get(cause)
            if shared in self._sound:
                yield from effects  # the shared value is right, and each use of it is wrong by itself
                continue
            first, others = places[0], [place.location for place in places[1:]]
            if not others:
                yield first
                continue
            lines = ", ".join(dict.fromkeys(str(place.line) for place in others))
            reason = f"{first.reason} The same at line{'s' if ',' in lines else ''} {lines}."
            yield replace(first, location=shared or first.location, reason=reason)


def _finding(at: Node | Location, code: str, reason: str, fix: str) -> Finding:
    return Finding(at.location if isinstance(at, Node) else at, f"openapi-{code}", reason, fix)


@dataclass(slots=True, eq=False)
class Node:
    """One value of the document. `keys` holds the location of each key of a mapping.

    Nodes are compared by identity, because schemas are memoised by node.
    """

    location: Location
    pointer: str
    scalar: Scalar = None
    mapping: dict[str, Node] | None = None
    sequence: list[Node] | None = None
    keys: dict[str, Location] = field(default_factory=dict)

    def get(self, name: str) -> Node | None:
        """Return the value of a key. None if absent or not a mapping."""
        return None if self.mapping is None else self.mapping.get(name)

    def __contains__(self, name: str) -> bool:
        return self.mapping is not None and name in self.mapping

    def items(self) -> Iterator[tuple[str, Node]]:
        """Iterate over the entries of a mapping, in the order of the file; empty for anything else."""
        return iter(() if self.mapping is None else self.mapping.items())

    def elements(self) -> Iterator[Node]:
        """Iterate over the elements of a sequence; empty for anything else."""
        return iter(() if self.sequence is None else self.sequence)

    def entries(self, name: str) -> Iterator[tuple[str, Node]]:
        """Iterate over the entries of the mapping that a key holds; empty if absent."""
        node = self.get(name)
        return iter(()) if node is None else node.items()

    def listed(self, name: str) -> Iterator[Node]:
        """Iterate over the elements of the sequence that a key holds; empty if absent."""
        node = self.get(name)
        return iter(()) if node is None else node.elements()

    def key(self, name: str) -> Location:
        """Return the location of a key, or of the mapping if it has no such key."""
        return self.keys.get(name, self.location)

    def text(self, name: str) -> str | None:
        """Return the string that a key holds. None if absent or not a string."""
        node = self.get(name)
        return node.scalar if node is not None and isinstance(node.scalar, str) else None

    def flag(self, name: str) -> bool:
        """Return whether a key holds true."""
        node = self.get(name)
        return node is not None and node.scalar is True

    def plain(self) -> object:
        """Return the value as `yaml.safe_load` would."""
        if self.mapping is not None:
            return {name: node.plain() for name, node in self.mapping.items()}
        if self.sequence is not None:
            return [node.plain() for node in self.sequence]
        return self.scalar

    def walk(self) -> Iterator[Node]:
        """Yield this node and all nodes below it, in the order of the file."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            if node.mapping is not None:
                waiting += reversed(node.mapping.values())
            elif node.sequence is not None:
                waiting += reversed(node.sequence)


class Document:
    """One OpenAPI file: its root, its text, and the targets of its local references.

    `text` is None if the tree says more or other than the file, which is then written from the tree.
    """

    def __init__(self, root: Node, findings: Findings, text: str | None = None) -> None:
        self.root = root
        self.text = text
        self._findings = findings
        self._by_pointer = {node.pointer: node for node in root.walk()}
        self._targets: dict[Node, Node | None] = {}

    def at(self, pointer: str) -> Node | None:
        """Return the node at a JSON pointer that begins with `#`, or None."""
        return self._by_pointer.get(pointer)

    def resolve(self, node: Node) -> Node | None:
        """Follow `$ref` to its target. None if it has none, which becomes a finding, once."""
        trail: dict[Node, None] = {}
        target: Node | None = node
        while target is not None and "$ref" in target:
            if target in self._targets:
                target = self._targets[target]
            elif target in trail:
                self._findings.add(
                    target, "ref-cycle", "This $ref leads back to itself.", "Let one of them hold the value."
                )
                target = None
            else:
                trail[target] = None
                target = self._follow(target)
        self._targets.update(dict.fromkeys(trail, target))
        return target

    def _follow(self, node: Node) -> Node | None:
        """Return what a node's own `$ref` points to."""
        reference = node.text("$ref")
        if reference is None or not reference.startswith("#/"):
            self._findings.add(
                node.get("$ref") or node,
                "external-ref",
                f"$ref {reference!r} points out of this file.",
                "Copy its target into components, or share it between contracts: 'common.yaml#/components/...'.",
            )
            return None
        target = self.at(reference)
        if target is None:
            self._findings.add(
                node.get("$ref") or node,
                "dangling-ref",
                f"$ref {reference!r} points to nothing.",
                "Declare it under components, or correct the name.",
            )
        return target


def escape(name: str) -> str:
    """Escape a name as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
