"""Conversions between a field of a dataclass and the columns of a `RowMapping`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class OneColumn:
    """A field stored in one column. `write` and `read` are expressions of `value`, which may call `to` and `of`."""

    write: str = "{value}"
    read: str = "{value}"
    to: Callable[[Any], object] | None = None
    of: Callable[..., object] | None = None
    column: str | None = None
    """The column's name; None if it is the field's."""
    wraps: tuple[type, str] | None = None


@dataclass(frozen=True, slots=True)
class SeveralColumns:
    """A field stored in several columns by two functions written by hand."""

    columns: Sequence[str]
    to: Callable[[Any], Sequence[object]]
    of: Callable[..., object]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A value object whose own fields are stored in the same row."""

    value_class: type
    conversions: Mapping[str, Conversion]


Conversion: TypeAlias = OneColumn | SeveralColumns | Embedded


def by_value(enum: type[Enum]) -> OneColumn:
    """Store a member by its value. Reading raises `ValueError` if no member has the value."""
    return OneColumn("{value}._value_", "{of}({value})", of=_Members(enum).__getitem__)


def wrapped(value_class: type, attribute: str) -> OneColumn:
    """Store the only field of a dataclass."""
    read = f"{{of}}({attribute}={{value}})"
    return OneColumn(f"{{value}}.{attribute}", read, of=value_class, wraps=(value_class, attribute))


def converted(to: Callable[[Any], object], of: Callable[[Any], object]) -> OneColumn:
    """Store what `to` makes of the value; `of` makes the value again."""
    return OneColumn("{to}({value})", "{of}({value})", to, of)


def optional(conversion: OneColumn) -> OneColumn:
    """Store None as NULL, and anything else by `conversion`."""
    write, read = (f"(None if {{value}} is None else {how})" for how in (conversion.write, conversion.read))
    return replace(conversion, write=write, read=read)


def in_column(column: str, conversion: OneColumn | None = None) -> OneColumn:
    """Store the field in a column of another name."""
    return replace(conversion or OneColumn(), column=column)


def in_columns(
    columns: Sequence[str], to: Callable[[Any], Sequence[object]], of: Callable[..., object]
) -> SeveralColumns:
    """Store what `to` makes of the value, one item for each column in turn; `of` takes the same items."""
    return SeveralColumns(columns, to, of)


def embedded(value_class: type, conversions: Mapping[str, Conversion] | None = None) -> Embedded:
    """Store each field of a dataclass in a column of its own, by the same rules as a `RowMapping`."""
    return Embedded(value_class, conversions or {})


class _Members(dict[object, Enum]):
    """The members of an enum by value: faster than calling the enum, which is called for an unknown value to raise."""

    def __init__(self, enum: type[Enum]) -> None:
        super().__init__((member.value, member) for member in enum)
        self._enum = enum

    def __missing__(self, value: object) -> Enum:
        return self._enum(value)
