"""Walks the parts of a document that OpenAPI gives a meaning, and leaves out data.

`$ref` in an example, a default, an enum or an extension is a value like any other, and so is `x-field`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

from aether_tools.compiler.openapi.document import Node

_DATA: Final = frozenset({"example", "default", "enum", "value"})


class _Keys(Enum):
    """What the keys of a mapping are."""

    KEYWORDS = "keywords"
    NAMES = "names"
    """Names that the contract chooses; `x-` has no meaning in them."""
    PATTERNED = "patterned"
    """Paths or statuses, among which an extension may stand."""


_KEYS: Final = {
    "paths": _Keys.PATTERNED,
    "responses": _Keys.PATTERNED,
    **dict.fromkeys(
        (
            "properties",
            "headers",
            "content",
            "encoding",
            "examples",
            "callbacks",
            "links",
            "variables",
            "mapping",
        ),
        _Keys.NAMES,
    ),
}


def structure(root: Node) -> Iterator[Node]:
    """Yield `root` and the nodes below it that OpenAPI gives a meaning, in the order of the file."""
    return (node for node, keys in _walk(root) if keys is _Keys.KEYWORDS)


def data(root: Node) -> Iterator[tuple[Node, str]]:
    """Yield each entry that is data: the mapping that has it, and its key."""
    for node, keys in _walk(root):
        yield from ((node, name) for name, _ in list(node.items()) if _is_data(name, keys))


def _walk(root: Node) -> Iterator[tuple[Node, _Keys]]:
    waiting = [(root, _Keys.KEYWORDS)]
    while waiting:
        node, keys = waiting.pop()
        yield node, keys
        children = [(child, _Keys.KEYWORDS) for child in node.elements()]
        for name, child in node.items():
            if not _is_data(name, keys):
                children.append((child, _below(node, name, keys)))
        waiting += reversed(children)


def _is_data(name: str, keys: _Keys) -> bool:
    if keys is _Keys.NAMES:
        return False
    return name.startswith("x-") or (keys is _Keys.KEYWORDS and name in _DATA)


def _below(node: Node, name: str, keys: _Keys) -> _Keys:
    if keys is not _Keys.KEYWORDS:
        return _Keys.KEYWORDS
    if node.pointer == "#/components":
        return _Keys.NAMES
    return _KEYS.get(name, _Keys.KEYWORDS)
