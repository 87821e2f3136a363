"""Builds the tree of a document of any project, which may use YAML's merge key `<<`; the compiler refuses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from aether_tools.compiler.openapi.document import Node, escape
from aether_tools.compiler.openapi.tree import TreeBuilder
from aether_tools.finding import Location

_MERGE: Final = "<<"


@dataclass(slots=True)
class MergingTreeBuilder(TreeBuilder):
    """A `TreeBuilder` that takes over what a merge key names, within the same limits. Source: https://yaml.org/type/merge"""

    _merging: dict[int, Location] = field(default_factory=dict)

    def _merge_key(self, location: Location) -> str | None:
        mapping = self._stack[-1].node
        if id(mapping) in self._merging:
            self._findings.stop(
                location,
                "duplicate-key",
                f"{_MERGE!r} is already at line {self._merging[id(mapping)].line}.",
                "Write one merge key with a list: <<: [*one, *other].",
            )
        self._merging[id(mapping)] = location
        return _MERGE

    def _event(self, event: Any, loader: Any) -> None:
        ended = self._stack[-1].node if isinstance(event, yaml.MappingEndEvent) else None
        super(MergingTreeBuilder, self)._event(event, loader)
        if ended is not None and id(ended) in self._merging:
            self._merge(ended, self._merging.pop(id(ended)))

    def _merge(self, node: Node, location: Location) -> None:
        """Replace a merge key by the entries of its mappings; the node's own, and those named first, stay."""
        merged = None if node.mapping is None else node.mapping.pop(_MERGE, None)
        if merged is None or node.mapping is None:
            return
        sources = merged.sequence if merged.sequence is not None else [merged]
        for source in sources:
            if source.mapping is None:
                self._findings.stop(
                    location,
                    "yaml-merge",
                    "A merge key names what is no mapping.",
                    "Name mappings only: <<: *anchor.",
                )
            for name, child in source.mapping.items():
                if name not in node.mapping:
                    pointer = f"{node.pointer}/{escape(name)}"
                    node.mapping[name] = self._copy(child, pointer, len(self._stack) + 1, location)
                    node.keys[name] = source.keys[name]
