"""Builds the tree of nodes of a YAML document from the events of PyYAML's parser.

Without recursion and within limits: PyYAML's own composer crashes the process at 50,000 levels, and copies what
`*aliases` repeat without end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from aether_tools.compiler.openapi.document import Findings, Node, escape
from aether_tools.compiler.openapi.scalars import TAG, Scalars
from aether_tools.finding import Location

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_DEPTH: Final = 200
"""Levels of a document. An inline schema takes two, so that a value of 100 levels can be described."""
MAX_NODES: Final = 300_000
MAX_COPIES: Final = 100_000
"""Values that aliases may repeat in one document."""
_MAX_POINTER_CHARACTERS: Final = 200_000_000
"""All JSON pointers of one document together, which long keys above many values multiply."""

_CONTAINERS: Final = (f"{TAG}map", f"{TAG}seq")


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that has not ended; `key` is where the next value of a mapping goes."""

    node: Node
    key: _Key | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    """A key whose value follows. Without a name, the value is dropped: a finding says why."""

    name: str | None
    location: Location


@dataclass(slots=True)
class TreeBuilder:
    """Builds the tree of one document."""

    _file: str
    _findings: Findings
    root: Node | None = None
    _stack: list[_Open] = field(default_factory=list)
    _anchors: dict[str, Node] = field(default_factory=dict)
    _nodes: int = 0
    _pointer_characters: int = 0
    _copies: int = 0
    _documents: int = 0
    _scalars: Scalars = field(init=False)

    def __post_init__(self) -> None:
        self._scalars = Scalars(self._findings)

    def build(self, text: str) -> None:
        """Build `root` from a text. Raises PyYAML's errors, and `ContractError` at a limit."""
        loader = _LOADER(text)
        try:
            while loader.check_event():
                self._event(loader.get_event(), loader)
        finally:
            loader.dispose()

    def _event(self, event: Any, loader: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                kind = (
                    event.tag
                    if event.tag not in (None, "!")
                    else loader.resolve(yaml.ScalarNode, event.value, event.implicit)
                )
                self._scalar_event(event, kind)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._stack.pop()
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._findings.stop(
                        self._location(event),
                        "yaml",
                        "A second YAML document begins here.",
                        "Keep one document in the file.",
                    )
            case _:
                pass  # the ends of documents and of the stream

    def _scalar_event(self, event: Any, kind: str) -> None:
        location = self._location(event)
        top = self._stack[-1] if self._stack else None
        if top is not None and top.node.mapping is not None and top.key is None:
            top.key = _Key(self._key_name(top.node, event.value, kind, location), location)
            return
        node = Node(location, self._pointer(), scalar=self._scalars.value(event.value, kind, location))
        self._add(node, event)

    def _key_name(self, mapping: Node, text: str, kind: str, location: Location) -> str | None:
        if kind == f"{TAG}merge":
            return self._merge_key(location)
        # A status is an integer to YAML and a string to OpenAPI; a word such as `on` is true to YAML.
        name = text if kind in (f"{TAG}int", f"{TAG}str") else str(self._scalars.value(text, kind, location))
        if name in mapping.keys:
            self._findings.add(
                location,
                "duplicate-key",
                f"{name!r} is already at line {mapping.keys[name].line}.",
                "Keep one of them.",
            )
            return None
        mapping.keys[name] = location
        return name

    def _merge_key(self, location: Location) -> str | None:
        """Return the name under which the value of a merge key is kept. None drops it."""
        self._findings.add(
            location,
            "yaml-merge",
            "The merge key `<<` is not supported, because JSON has none.",
            "Use $ref or allOf.",
        )
        return None

    def _open(self, event: Any) -> None:
        location = self._location(event)
        if len(self._stack) >= MAX_DEPTH:
            self._too_deep(location)
        if event.tag not in (None, "!", *_CONTAINERS):
            self._scalars.unknown_tag(event.tag, location)
        node = Node(location, self._pointer())
        if isinstance(event, yaml.MappingStartEvent):
            node.mapping = {}
        else:
            node.sequence = []
        self._add(node, event)
        self._stack.append(_Open(node))

    def _alias(self, event: Any) -> None:
        location = self._location(event)
        target = self._anchors.get(event.anchor)
        if target is None:
            self._findings.stop(
                location,
                "yaml-alias",
                f"No anchor &{event.anchor} precedes this alias.",
                "Write the value here, or use $ref.",
            )
        if any(above.node is target for above in self._stack):
            self._findings.stop(
                location, "yaml-alias", "This alias contains itself.", "Use $ref, which may be recursive."
            )
        self._add(self._copy(target, self._pointer(), len(self._stack), location), event)

    def _copy(self, node: Node, pointer: str, depth: int, alias: Location) -> Node:
        """Return a copy of an anchor's value, whose nodes have pointers of their own."""
        self._copies += 1
        if self._copies > MAX_COPIES:
            self._findings.stop(
                alias,
                "yaml-alias",
                f"The aliases of this file repeat more than {MAX_COPIES:,} values.",
                "Use $ref, which repeats nothing.",
            )
        if depth >= MAX_DEPTH and node.scalar is None:
            self._too_deep(alias)
        copy = Node(node.location, pointer, scalar=node.scalar, keys=dict(node.keys))
        self._spend(copy, alias)
        if node.mapping is not None:
            copy.mapping = {
                name: self._copy(child, f"{pointer}/{escape(name)}", depth + 1, alias)
                for name, child in node.mapping.items()
            }
        if node.sequence is not None:
            copy.sequence = [
                self._copy(child, f"{pointer}/{index}", depth + 1, alias)
                for index, child in enumerate(node.sequence)
            ]
        return copy

    def _pointer(self) -> str:
        """Return the pointer of the value that comes next."""
        if not self._stack:
            return "#"
        top = self._stack[-1]
        if top.node.sequence is not None:
            return f"{top.node.pointer}/{len(top.node.sequence)}"
        name = top.key.name if top.key is not None else None
        return f"{top.node.pointer}/{escape(name or '')}"

    def _spend(self, node: Node, at: Location) -> None:
        """Count a value. Stop at a document that would take minutes and gigabytes."""
        self._nodes += 1
        self._pointer_characters += len(node.pointer)
        if self._nodes > MAX_NODES or self._pointer_characters > _MAX_POINTER_CHARACTERS:
            self._findings.stop(
                at,
                "yaml-size",
                f"The file has more than {MAX_NODES:,} values, or long keys above too many of them.",
                "Split the domain, or remove generated examples from the contract.",
            )

    def _add(self, node: Node, event: Any) -> None:
        """Put a value where it belongs: into the innermost open mapping or sequence."""
        if not isinstance(event, yaml.AliasEvent):
            self._spend(node, node.location)
        if event.anchor is not None and not isinstance(event, yaml.AliasEvent):
            self._anchor(event, node)
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if top.node.sequence is not None:
            top.node.sequence.append(node)
        elif top.key is None:
            location = self._location(event)
            self._findings.add(location, "yaml-key", "This key is not a string.", "Write a plain string.")
            top.key = _Key(None, location)
        else:
            if top.key.name is not None and top.node.mapping is not None:
                top.node.mapping[top.key.name] = node
            top.key = None

    def _anchor(self, event: Any, node: Node) -> None:
        if event.anchor in self._anchors:
            self._findings.add(
                self._location(event),
                "yaml-alias",
                f"Anchor &{event.anchor} is already at line {self._anchors[event.anchor].location.line}.",
                "Rename one of them.",
            )
        self._anchors[event.anchor] = node

    def _too_deep(self, location: Location) -> None:
        self._findings.stop(
            location,
            "yaml-depth",
            f"The file is nested more than {MAX_DEPTH} levels deep.",
            "Move inner schemas to components/schemas, and use $ref.",
        )

    def _location(self, event: Any) -> Location:
        return Location(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
