"""Reads an OpenAPI file as a tree of nodes with their locations.

PyYAML parses it, as it does for the REST edge at run time, so that compiler and service read the same values: both
take an unquoted `no` for false.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn, cast

import yaml
from yaml.constructor import SafeConstructor

from aether_tools.finding import ContractError, Finding, Location

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Scalar = str | int | float | bool | None


class Findings:
    """Collects findings, so that one run reports them all."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}

    def add(self, at: Node | Location, code: str, reason: str, fix: str) -> None:
        """Add a finding, unless it has been added before."""
        location = at.location if isinstance(at, Node) else at
        self._found[Finding(location, f"openapi-{code}", reason, fix)] = None

    def __len__(self) -> int:
        return len(self._found)

    def stop(self, at: Node | Location, code: str, reason: str, fix: str) -> NoReturn:
        """Add a finding that leaves nothing else to check, and raise `ContractError`."""
        self.add(at, code, reason, fix)
        raise ContractError(*self._found)

    def refuse(self) -> None:
        """Raise `ContractError` if there are findings."""
        if self._found:
            raise ContractError(*self._found)


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
        yield self
        for _, child in self.items():
            yield from child.walk()
        for child in self.elements():
            yield from child.walk()


class Document:
    """One OpenAPI file: its root, and the targets of its local references."""

    def __init__(self, root: Node, findings: Findings) -> None:
        self.root = root
        self._findings = findings
        self._by_pointer = {node.pointer: node for node in root.walk()}

    def at(self, pointer: str) -> Node | None:
        """Return the node at a JSON pointer that begins with `#`, or None."""
        return self._by_pointer.get(pointer)

    def resolve(self, node: Node) -> Node | None:
        """Follow `$ref` to its target. None if it has none, which becomes a finding, once."""
        seen: list[Node] = []
        while "$ref" in node:
            if node in seen:
                self._findings.add(
                    node, "ref-cycle", "This $ref leads back to itself.", "Let one of them hold the value."
                )
                return None
            seen.append(node)
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
                return None
            node = target
        return node


def relative(file: Path, root: Path) -> str:
    """Return a path as findings show it: relative to the workspace."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def read(path: Path, root: Path, findings: Findings) -> Node:
    """Read a YAML file. Raises `ContractError` unless it is one mapping with unique keys."""
    file = relative(path, root)
    start = Location(file, 1, 1)
    try:
        tree = yaml.compose(path.read_bytes(), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = Location(file, mark.line + 1, mark.column + 1) if mark else start
        reason = " ".join(part for part in (error.context, error.problem) if part)
        findings.stop(
            location,
            "yaml",
            f"This is not valid YAML: {reason}.",
            "Correct the indentation or the quotes here.",
        )
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        findings.stop(start, "yaml", f"This is not valid YAML: {error}.", "Save the file as UTF-8 text.")
    if not isinstance(tree, yaml.MappingNode):
        findings.stop(start, "yaml", "The file is not a mapping.", "Begin it with openapi: 3.0.3.")
    node = _Reader(file, findings).node(tree, "#", ())
    findings.refuse()
    return node


class _Reader:
    """Converts PyYAML's nodes."""

    def __init__(self, file: str, findings: Findings) -> None:
        self._file = file
        self._findings = findings
        self._constructor = SafeConstructor()

    def node(self, tree: yaml.Node, pointer: str, above: tuple[yaml.Node, ...]) -> Node:
        location = self._location(tree)
        if any(tree is ancestor for ancestor in above):
            self._findings.add(
                location, "yaml-alias", "This alias contains itself.", "Use $ref, which may be recursive."
            )
            return Node(location, pointer)
        above = (*above, tree)
        if isinstance(tree, yaml.MappingNode):
            return self._mapping(tree, pointer, above)
        if isinstance(tree, yaml.SequenceNode):
            items = [self.node(item, f"{pointer}/{index}", above) for index, item in enumerate(tree.value)]
            return Node(location, pointer, sequence=items)
        return Node(location, pointer, scalar=self._scalar(tree, location))

    def _mapping(self, tree: yaml.MappingNode, pointer: str, above: tuple[yaml.Node, ...]) -> Node:
        mapping: dict[str, Node] = {}
        keys: dict[str, Location] = {}
        for key, value in tree.value:
            location = self._location(key)
            if key.tag == "tag:yaml.org,2002:merge":
                self._findings.add(
                    location,
                    "yaml-merge",
                    "The merge key `<<` is not supported, because JSON has none.",
                    "Use $ref or allOf.",
                )
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._findings.add(location, "yaml-key", "This key is not a string.", "Write a plain string.")
                continue
            # A status is an integer to YAML and a string to OpenAPI; a word such as `on` is true to YAML.
            name = key.value if key.tag.endswith((":int", ":str")) else str(self._scalar(key, location))
            if name in keys:
                self._findings.add(
                    location,
                    "duplicate-key",
                    f"{name!r} is already at line {keys[name].line}.",
                    "Keep one of them.",
                )
                continue
            keys[name] = location
            mapping[name] = self.node(value, f"{pointer}/{escape(name)}", above)
        return Node(self._location(tree), pointer, mapping=mapping, keys=keys)

    def _scalar(self, tree: yaml.Node, location: Location) -> Scalar:
        if not isinstance(tree, yaml.ScalarNode):
            return None
        if tree.tag == "tag:yaml.org,2002:timestamp":
            # JSON has no dates, so what YAML reads as one is text.
            return cast(str, tree.value)
        try:
            value: object = self._constructor.construct_object(tree)
        except (yaml.YAMLError, ValueError):
            self._findings.add(
                location,
                "yaml-tag",
                f"The YAML tag {tree.tag} has no meaning here.",
                "Write a plain value, in quotes for text.",
            )
            return None
        return value if isinstance(value, str | int | float | bool) else None

    def _location(self, tree: yaml.Node) -> Location:
        return Location(self._file, tree.start_mark.line + 1, tree.start_mark.column + 1)


def escape(name: str) -> str:
    """Escape a name as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
