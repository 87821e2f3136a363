"""Path matching: the paths of a contract as a tree of segments.

Concrete segments win over templated ones (OpenAPI 3.0.3, Path Templating). Segments are split before they are
decoded, so an encoded slash stays inside its parameter. A parameter is never empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")

_PARAMETER: Final = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A segment of text and parameters; `texts` stand before, between and after the parameters.

    A regular expression for `{a}-{b}.json` takes time that grows with the square of a path: 45 s for one of 60 kB.
    """

    texts: tuple[str, ...]

    @property
    def order(self) -> tuple[int, int]:
        """The most specific pattern sorts first."""
        return -sum(map(len, self.texts)), -len(self.texts)

    def values(self, segment: str) -> tuple[str, ...] | None:
        """Return the shortest values, from the left, or None if the segment does not match. None is empty."""
        first, *between, last = self.texts
        if not (segment.startswith(first) and segment.endswith(last)):
            return None
        at, end = len(first), len(segment) - len(last)
        values = []
        for text in between:
            found = segment.find(text, at + 1, end)
            if found < 0:
                return None
            values.append(segment[at:found])
            at = found + len(text)
        return (*values, segment[at:end]) if at < end else None


@dataclass(slots=True)
class _Node(Generic[T]):
    concrete: dict[str, _Node[T]] = field(default_factory=dict)
    templated: list[tuple[_Pattern | None, tuple[str, ...], _Node[T]]] = field(default_factory=list)
    """(pattern, or None for any segment; parameter names; child node), most specific first."""
    methods: dict[str, T] = field(default_factory=dict)


class Routes(Generic[T]):
    """Maps methods and paths to targets."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self.concrete: dict[bytes, Mapping[str, T]] = {}
        """Targets by method, by raw path; paths without parameters need no search."""

    def add(self, method: str, template: str, target: T) -> None:
        """Route `method` on paths that match `template`, such as "/invoices/{id}", to `target`.

        Raises `ValueError` if the method is already routed for the same paths.
        """
        node = self._root
        for segment in template.removeprefix("/").split("/"):
            node = self._step(node, segment)
        if method in node.methods:
            raise ValueError(f"{method} {template} is declared twice")
        node.methods[method] = target
        if "{" not in template and template.isascii():
            self.concrete[template.encode("ascii")] = node.methods

    def find(self, path: str) -> tuple[Mapping[str, T], dict[str, str]] | None:
        """Return targets by method and the parameters, still encoded; None for an unknown path.

        `path` is raw (percent-encoded) and begins with a slash.
        """
        segments = path[1:].split("/")
        parameters: dict[str, str] = {}
        node = _descend(self._root, segments, 0, parameters)
        return None if node is None else (node.methods, parameters)

    @staticmethod
    def _step(node: _Node[T], segment: str) -> _Node[T]:
        names = tuple(_PARAMETER.findall(segment))
        if not names:
            return node.concrete.setdefault(unquote(segment), _Node())
        pattern = None if _PARAMETER.fullmatch(segment) else _Pattern(tuple(_PARAMETER.split(segment)[::2]))
        for known, known_names, child in node.templated:
            if known == pattern and known_names == names:
                return child
        following: _Node[T] = _Node()
        node.templated.append((pattern, names, following))
        node.templated.sort(key=lambda entry: (1, (0, 0)) if entry[0] is None else (0, entry[0].order))
        return following


def _descend(node: _Node[Any], segments: list[str], at: int, parameters: dict[str, str]) -> _Node[Any] | None:
    if at == len(segments):
        return node if node.methods else None
    segment = segments[at]
    following = node.concrete.get(segment)
    if following is None and "%" in segment:
        following = node.concrete.get(unquote(segment))
    if following is not None:
        found = _descend(following, segments, at + 1, parameters)
        if found is not None:
            return found
    if not segment:
        return None
    for pattern, names, following in node.templated:
        if pattern is None:
            values: tuple[str, ...] | None = (segment,)
        else:
            values = pattern.values(segment)
        if values is None:
            continue
        found = _descend(following, segments, at + 1, parameters)
        if found is not None:
            parameters.update(zip(names, values, strict=True))
            return found
    return None
