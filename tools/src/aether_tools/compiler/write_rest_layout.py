"""Lays out the nested expressions of the REST edge, as `ruff format` would."""

from __future__ import annotations

from dataclasses import dataclass

from aether_tools.compiler.layout import WIDTH


@dataclass(frozen=True, slots=True)
class Group:
    """Brackets around items, each with what stands before it, such as `name=`; one to a line where too long.

    `lone`: a single item of a tuple keeps its comma on one line too.
    """

    opening: str
    items: tuple[tuple[str, Expression], ...]
    closing: str
    lone: bool = False

    def __str__(self) -> str:
        comma = "," if self.lone and len(self.items) == 1 else ""
        return (
            f"{self.opening}{', '.join(f'{name}{value}' for name, value in self.items)}{comma}{self.closing}"
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """`value if condition else otherwise`."""

    value: str
    condition: str
    otherwise: str

    def __str__(self) -> str:
        return f"{self.value} if {self.condition} else {self.otherwise}"


@dataclass(frozen=True, slots=True)
class Loop:
    """A comprehension."""

    opening: str
    element: str
    loop: str
    closing: str

    def __str__(self) -> str:
        return f"{self.opening}{self.element} {self.loop}{self.closing}"


Expression = str | Group | Choice | Loop


def call(name: str, *items: tuple[str, Expression]) -> Group:
    """`name(item, ...)`."""
    return Group(f"{name}(", items, ")")


def place(indent: int, head: str, value: Expression, tail: str = "") -> list[str]:
    """`head`, the expression and `tail`, on one line where they fit."""
    margin = " " * indent
    line = f"{margin}{head}{value}{tail}"
    if len(line) <= WIDTH:
        return [line]
    match value:
        case Group(opening, items, closing, lone) if items:
            sole = len(items) == 1 and isinstance(items[0][1], Loop) and not lone
            lines = [f"{margin}{head}{opening}"]
            for name, item in items:
                lines += place(indent + 4, name, item, "" if sole else ",")
            return [*lines, f"{margin}{closing}{tail}"]
        case Choice(then, condition, otherwise):
            return [f"{margin}{head}{then}", f"{margin}if {condition}", f"{margin}else {otherwise}{tail}"]
        case Loop(opening, element, loop, closing):
            inner = f"{margin}    {element} {loop}"
            lines = [inner] if len(inner) <= WIDTH else [f"{margin}    {element}", f"{margin}    {loop}"]
            return [f"{margin}{head}{opening}", *lines, f"{margin}{closing}{tail}"]
        case _:
            return [line]
