"""Keeps problems small: what a client sent is not sent back whole.

A gRPC client accepts 8 KiB of metadata by default, and a larger error reaches it as RESOURCE_EXHAUSTED; both servers
use these bounds, so that they go on answering alike. A problem that fits is returned as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aether_adapters.kernel.problems import Problem

_MAX_DETAIL_BYTES: Final = 1000
_MAX_TEXT_BYTES: Final = 256
"""Of a text among the values, and of a pointer or a reason."""
_MAX_PARTS_BYTES: Final = 2400
"""Of all values and errors together, as protobuf encodes them."""
_MAX_DEPTH: Final = 16
_PART_BYTES: Final = 16
"""What protobuf adds to a value, at most; a number takes 11 bytes."""
_CUT: Final = "…"


def bounded(problem: Problem) -> Problem:
    """Return a problem whose texts are cut where they are too long, without the values and errors that do not fit."""
    left = _MAX_PARTS_BYTES - sum(map(_size, problem.values.items())) - sum(map(_size, problem.errors))
    fits = (
        left >= 0
        and len(problem.detail) * 4 <= _MAX_DETAIL_BYTES
        and not any(map(_has_long_text, problem.values.values()))
        and not any(map(_has_long_text, problem.errors))
    )
    return problem if fits else _cut_down(problem)


def cut(text: str, most: int) -> str:
    """Return `text` in at most `most` bytes of UTF-8; an ellipsis stands for what was cut off."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= most:
        return text
    return data[: most - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT


def _cut_down(problem: Problem) -> Problem:
    left = _MAX_PARTS_BYTES
    errors: list[Mapping[str, str]] = []
    for error in problem.errors:
        short = {name: cut(text, _MAX_TEXT_BYTES) for name, text in error.items()}
        left -= _size(short)
        if left < 0:
            break
        errors.append(short)
    values: dict[str, object] = {}
    for name in sorted(problem.values):
        short_value = _short(problem.values[name])
        size = _size((name, short_value))
        if size <= left:
            left -= size
            values[name] = short_value
    detail = cut(problem.detail, _MAX_DETAIL_BYTES)
    return replace(problem, detail=detail, values=values, errors=tuple(errors))


def _short(value: object) -> object:
    match value:
        case str():
            return cut(value, _MAX_TEXT_BYTES)
        case Mapping():
            return {key: _short(item) for key, item in value.items()}
        case list() | tuple():
            return [_short(item) for item in value]
        case _:
            return value


def _has_long_text(value: object) -> bool:
    match value:
        case str():
            return len(value) * 4 > _MAX_TEXT_BYTES
        case Mapping():
            return any(map(_has_long_text, value.values()))
        case list() | tuple():
            return any(map(_has_long_text, value))
        case _:
            return False


def _size(value: object, depth: int = 0) -> int:
    """Return the bytes of a value in a `google.protobuf.Struct`, at most; too many if it is nested too deep."""
    if depth > _MAX_DEPTH:
        return _MAX_PARTS_BYTES + 1
    match value:
        case str():
            return _PART_BYTES + len(value.encode("utf-8", "surrogatepass"))
        case Mapping():
            return _PART_BYTES + sum(_size(item, depth + 1) for pair in value.items() for item in pair)
        case Sequence() if not isinstance(value, bytes | bytearray):
            return _PART_BYTES + sum(_size(item, depth + 1) for item in value)
        case _:
            return _PART_BYTES
