"""Reads schemas: follows references and merges `allOf`, so that the result can be compared with a field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from aether_tools.compiler.openapi.document import Document, Findings, Node

ANNOTATIONS: Final = frozenset({"description", "title", "example", "externalDocs", "xml", "deprecated"})
"""Keywords that document a schema and do not affect values."""

_MAX_DEPTH: Final = 50
"""Schemas that may be merged into one another through allOf and oneOf."""

_MERGED: Final = frozenset({"allOf", "properties", "required", "oneOf"})


@dataclass(slots=True)
class Branch:
    """One alternative of a `oneOf`, identified by the single property that it requires."""

    node: Node
    property: str


@dataclass(slots=True)
class Shape:
    """One merged schema. `key` identifies the schema across its uses. `name` is its component's, or empty."""

    node: Node
    key: str
    name: str = ""
    keywords: dict[str, Node] = field(default_factory=dict)
    properties: dict[str, Node] = field(default_factory=dict)
    required: dict[str, Node] = field(default_factory=dict)
    branches: list[Branch] = field(default_factory=list)
    nullable: bool = False

    @property
    def type(self) -> str | None:
        """The `type` keyword, or None."""
        node = self.keywords.get("type")
        return node.scalar if node is not None and isinstance(node.scalar, str) else None

    @property
    def format(self) -> str | None:
        """The `format` keyword, or None."""
        node = self.keywords.get("format")
        return node.scalar if node is not None and isinstance(node.scalar, str) else None

    def number(self, keyword: str) -> float | None:
        """Return a numeric keyword's value. None if absent or not a number."""
        node = self.keywords.get(keyword)
        value = None if node is None else node.scalar
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def flag(self, keyword: str) -> bool:
        """Return whether a keyword is true."""
        node = self.keywords.get(keyword)
        return node is not None and node.scalar is True

    @property
    def closed(self) -> bool:
        """Whether the schema itself rejects an object with an undeclared property."""
        node = self.keywords.get("additionalProperties")
        return node is not None and node.scalar is False

    @property
    def entries(self) -> Node | None:
        """Schema of a typed map's values. None for any other object."""
        node = self.keywords.get("additionalProperties")
        return node if node is not None and node.mapping else None

    @property
    def free(self) -> bool:
        """Whether the schema allows any object."""
        return (
            self.type == "object"
            and not self.properties
            and not self.branches
            and not self.closed
            and self.entries is None
        )


class Schemas:
    """Reads schemas and caches them by node."""

    def __init__(self, document: Document, findings: Findings) -> None:
        self._document = document
        self._findings = findings
        self._shapes: dict[Node, Shape | None] = {}
        self._open: list[Node] = []
        """The schemas that are being read, outermost first."""

    def shape(self, node: Node) -> Shape | None:
        """Return the merged schema. None if it cannot be read; a finding says why."""
        if node not in self._shapes:
            self._shapes[node] = None  # ends the recursion of an allOf that contains itself
            if len(self._open) >= _MAX_DEPTH:
                self._findings.add(
                    node,
                    "schema-depth",
                    f"This allOf or oneOf is more than {_MAX_DEPTH} schemas deep.",
                    "Write its properties in fewer schemas.",
                )
                return None
            self._open.append(node)
            self._shapes[node] = self._read(node)
            self._open.pop()
        return self._shapes[node]

    def target(self, node: Node) -> Node | None:
        """Return the target of a schema's reference, or the schema itself. None if the reference is broken."""
        return self._document.resolve(node)

    def _read(self, node: Node) -> Shape | None:
        target = self._document.resolve(node)
        if target is None:
            return None
        if target.mapping is None:
            self._findings.add(
                target, "schema", "A schema must be a mapping.", "Write a mapping with a `type`."
            )
            return None
        prefix = "#/components/schemas/"
        name = target.pointer.removeprefix(prefix) if target.pointer.startswith(prefix) else ""
        shape = Shape(target, target.pointer, name if "/" not in name else "")
        for child in (target.get("allOf") or target).elements():
            self._absorb(shape, child)
        self._own(shape, target)
        return shape

    def _absorb(self, shape: Shape, child: Node) -> None:
        part = self.shape(child)
        if part is None:
            if child in self._open:
                self._findings.add(
                    child,
                    "allof-cycle",
                    "This allOf contains itself.",
                    "Remove the reference that closes the cycle.",
                )
            return
        if part.branches and shape.branches:
            self._findings.add(
                child,
                "allof-oneof",
                "Two parts of this allOf have a oneOf.",
                "Keep one of the two.",
            )
        for keyword, value in part.keywords.items():
            self._keyword(shape, keyword, value, child)
        for name, value in part.properties.items():
            self._property(shape, name, value)
        shape.required.update(part.required)
        shape.branches = shape.branches or list(part.branches)
        shape.nullable = shape.nullable or part.nullable

    def _own(self, shape: Shape, target: Node) -> None:
        for keyword, value in target.items():
            if keyword == "nullable":
                shape.nullable = shape.nullable or value.scalar is True
            elif keyword not in _MERGED:
                self._keyword(shape, keyword, value, target)
        for name, value in target.entries("properties"):
            self._property(shape, name, value)
        for element in target.listed("required"):
            if isinstance(element.scalar, str):
                shape.required[element.scalar] = element
        for branch in target.listed("oneOf"):
            self._branch(shape, branch)
        if shape.properties or shape.branches:
            shape.keywords.setdefault("type", Node(target.location, "", scalar="object"))

    def _keyword(self, shape: Shape, keyword: str, value: Node, at: Node) -> None:
        known = shape.keywords.get(keyword)
        clash = known is not None and known.plain() != value.plain()
        if (
            clash
            and keyword not in ANNOTATIONS
            and keyword not in ("default", "additionalProperties")
            and not keyword.startswith("x-")
        ):
            self._findings.add(
                at,
                "allof-clash",
                f"The parts of this allOf disagree about `{keyword}`.",
                "Write it in one of them only, or declare a separate schema.",
            )
        if not (clash and keyword == "additionalProperties" and known is not None and known.scalar is False):
            shape.keywords[keyword] = value

    def _property(self, shape: Shape, name: str, value: Node) -> None:
        known = shape.properties.get(name)
        if known is not None and known.plain() != value.plain():
            self._findings.add(
                value,
                "allof-clash",
                f"Two parts of this allOf declare property {name!r} differently.",
                "Declare it in one of them only.",
            )
        shape.properties[name] = value

    def _branch(self, shape: Shape, node: Node) -> None:
        part = self.shape(node)
        if part is None:
            if node in self._open:
                self._findings.add(
                    node,
                    "oneof-cycle",
                    "This oneOf contains itself.",
                    "Remove the reference that closes the cycle.",
                )
            return
        if len(part.required) != 1:
            self._findings.add(
                node,
                "oneof-branch",
                "A oneOf represents a proto oneof: each branch must be an object that requires exactly one property.",
                "Write `- required: [card]` for each member of the proto oneof, with its schema under `properties`.",
            )
            return
        for name, value in part.properties.items():
            self._property(shape, name, value)
        shape.branches.append(Branch(node, next(iter(part.required))))
