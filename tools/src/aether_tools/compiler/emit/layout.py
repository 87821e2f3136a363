"""Formats generated Python as `ruff format` does, at 110 columns, so that formatting it changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aether_tools.compiler.emit.literals import docstring

WIDTH: Final = 110
"""Columns of a line."""


@dataclass(frozen=True, slots=True)
class Group:
    """Brackets around items, each with its prefix, such as `name=`.

    If the group does not fit on a line, each item gets its own line if `listed`; else all share the next line if they fit.
    `lone` marks a tuple, whose single item keeps its comma.
    """

    opening: str
    items: Sequence[tuple[str, Expression]]
    closing: str
    listed: bool = True
    lone: bool = False

    def __str__(self) -> str:
        comma = "," if self.lone and len(self.items) == 1 else ""
        return f"{self.opening}{self.inner}{comma}{self.closing}"

    @property
    def inner(self) -> str:
        return ", ".join(f"{prefix}{value}" for prefix, value in self.items)


@dataclass(frozen=True, slots=True)
class Choice:
    """`value if condition else otherwise`."""

    value: Expression
    condition: str
    otherwise: Expression

    def __str__(self) -> str:
        return f"{self.value} if {self.condition} else {self.otherwise}"


@dataclass(frozen=True, slots=True)
class Loop:
    """A comprehension: `opening`, the element, `for ... in ...`, `closing`; a dictionary's has a `key`, `k: `."""

    opening: str
    element: Expression
    loop: str
    closing: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.opening}{self.key}{self.element} {self.loop}{self.closing}"


@dataclass(frozen=True, slots=True)
class Items:
    """A set of plain items."""

    items: Sequence[str]

    def __str__(self) -> str:
        return f"{{{', '.join(self.items)}}}"


Expression = str | Group | Choice | Loop | Items


def call(name: str, *items: tuple[str, Expression], listed: bool = True) -> Group:
    """`name(item, ...)`, each item with its prefix."""
    return Group(f"{name}(", items, ")", listed)


def simple(name: str, *arguments: Expression) -> Group:
    """A call with positional arguments."""
    return call(name, *(("", argument) for argument in arguments), listed=False)


def render(indent: int, head: str, value: Expression, tail: str = "") -> list[str]:
    """Render `head`, an expression and `tail` on one line if they fit, else broken as `ruff format` breaks them."""
    margin = " " * indent
    line = f"{margin}{head}{value}{tail}"
    if len(line) <= WIDTH:
        return [line]
    match value:
        case Group(opening, items, closing, listed, lone) if items:
            inner = f"{margin}    {value.inner}"
            lines = [inner]
            if listed or len(inner) > WIDTH:
                generator = len(items) == 1 and isinstance(items[0][1], Loop) and not lone
                comma = "" if generator else ","  # a generator expression takes none
                lines = [line for prefix, item in items for line in render(indent + 4, prefix, item, comma)]
            return [f"{margin}{head}{opening}", *lines, f"{margin}{closing}{tail}"]
        case Choice(then, condition, otherwise):
            return [
                *render(indent, head, then),
                f"{margin}if {condition}",
                *render(indent, "else ", otherwise, tail),
            ]
        case Loop(opening, element, loop, closing, key):
            inner = f"{margin}    {key}{element} {loop}"
            lines = (
                [inner] if len(inner) <= WIDTH else [*render(indent + 4, key, element), f"{margin}    {loop}"]
            )
            return [f"{margin}{head}{opening}", *lines, f"{margin}{closing}{tail}"]
        case Items(items):
            return [f"{margin}{head}{{", *(f"{margin}    {item}," for item in items), f"{margin}}}{tail}"]
        case _:
            return [line]


def function(
    indent: int, name: str, parameters: str, result: str | Sequence[str], tail: str = ":"
) -> list[str]:
    """Render the head of a function, on several lines if it is too long; `result` may be the members of a union."""
    members = [result] if isinstance(result, str) else result
    margin = " " * indent
    line = f"{margin}def {name}({parameters}) -> {' | '.join(members)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{margin}def {name}(", f"{margin}    {parameters}", *union(indent, ") -> ", members, tail)]


def union(indent: int, head: str, members: Sequence[str], tail: str = "") -> list[str]:
    """Render `head A | B tail`; if too long, in parentheses; if still too long, with one member a line."""
    margin = " " * indent
    line = f"{margin}{head}{' | '.join(members)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    inner = [f"{margin}    {' | '.join(members)}"]
    if len(inner[0]) > WIDTH:
        inner = [f"{margin}    {members[0]}", *(f"{margin}    | {name}" for name in members[1:])]
    return [f"{margin}{head}(", *inner, f"{margin}){tail}"]


def attribute(indent: int, name: str, members: Sequence[str], default: str = "") -> list[str]:
    """Render `name: A | B = default`; the default in parentheses if only that makes the line fit."""
    margin, tail = " " * indent, f" = {default}" if default else ""
    opening = f"{margin}{name}: {' | '.join(members)} = ("
    if default and len(opening) <= WIDTH < len(opening) - 1 + len(default):
        return [opening, f"{margin}    {default}", f"{margin})"]
    return union(indent, f"{name}: ", members, tail)


def class_definition(name: str, comment: str, body: Sequence[str]) -> list[str]:
    """Render a top-level class: its docstring, if the contract has a comment, and its body."""
    words = docstring(4, comment)
    apart = [""] if words and body else []
    return [f"class {name}:", *(words + apart + [*body] or ["    pass"])]


class Imports:
    """The imports of a module, collected while its body is written."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def need(self, module: str, name: str) -> str:
        """Import `name` from `module`. Return `name`."""
        self._names.setdefault(module, set()).add(name)
        return name

    def sections(self) -> Iterator[list[str]]:
        """Yield the lines of each section: standard library, others, siblings; sorted as isort does."""
        for wanted in (_STDLIB, _OTHERS, _SIBLINGS):
            modules = sorted(module for module in self._names if _section(module) == wanted)
            if modules:
                yield [line for module in modules for line in _import(module, self._names[module])]


_STDLIB, _OTHERS, _SIBLINGS = range(3)


def _section(module: str) -> int:
    if module.startswith("."):
        return _SIBLINGS
    return _STDLIB if module.partition(".")[0] in sys.stdlib_module_names else _OTHERS


def _import(module: str, names: Iterable[str]) -> list[str]:
    ordered = sorted(names, key=_import_order)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= WIDTH:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in ordered), ")"]


def _import_order(name: str) -> tuple[int, str]:
    """Constants, classes, then functions and modules."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name


def module(header: str, doc: str, imports: Imports, blocks: Iterable[Sequence[str]]) -> bytes:
    """Render a whole module: its header, docstring, imports and top-level blocks."""
    lines = [header, *docstring(0, doc), "", "from __future__ import annotations"]
    for section in imports.sections():
        lines += ["", *section]
    apart = True
    for block in blocks:
        definition = block[0].startswith(("class ", "def ", "@"))
        lines += ["", "", *block] if definition or not apart else ["", *block]
        apart = not definition
    return ("\n".join(lines) + "\n").encode()
