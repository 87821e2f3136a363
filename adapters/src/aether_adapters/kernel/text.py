"""Rule for every text that enters a service: it holds no NUL character.

Databases and C libraries cut it there or refuse it, each in its own way, and nobody means it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.protojson import json_name, step

NUL_REFUSED = "must not contain a NUL character"
_WITHOUT_TEXT: Final = frozenset({int, float, bool, type(None), bytes})

Parts = Iterator[tuple[object, object]]


def refuse_nul(value: object, pointer: str = "", /) -> None:
    """Raise `Malformed`, with the place as its pointer, if a text inside `value` contains NUL.

    `value` is a JSON value, or a generated dataclass. Names of an object count too; bytes do not. One of 500,000 parts
    takes about 50 ms: a client may choose it.
    """
    path: list[object] = []
    open_parts: list[Parts] = [iter((("", value),))]
    while open_parts:
        for name, item in open_parts[-1]:
            if type(name) is str and "\0" in name:
                raise Malformed(_pointer(pointer, path), f"{NUL_REFUSED} in a name")
            if type(item) in _WITHOUT_TEXT or not item:
                continue
            if isinstance(item, str):
                if "\0" in item:
                    raise Malformed(_pointer(pointer, [*path, name]), NUL_REFUSED)
                continue
            path.append(name)
            open_parts.append(_parts(item))
            break
        else:
            open_parts.pop()
            if path:
                path.pop()


def _pointer(start: str, path: Sequence[object]) -> str:
    """Return the pointer of a place; its first step is the value itself."""
    return start + "".join(f"/{step(str(name))}" for name in path[1:])


def _parts(value: Any) -> Parts:
    if isinstance(value, list | tuple):
        return enumerate(value)
    if isinstance(value, dict):
        return iter(value.items())
    kind: Any = type(value)  # mypy takes no class for Hashable
    known = _fields(kind)
    return iter(()) if known is None else zip(known[0], known[1](value), strict=True)


@lru_cache(maxsize=4096)
def _fields(of: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[object, ...]]] | None:
    """Return the names of the fields of a dataclass in JSON, and what reads their values; None if it has none."""
    names = tuple(field.name for field in fields(of)) if is_dataclass(of) else ()
    if not names:
        return None
    if len(names) == 1:
        only = attrgetter(names[0])
        return (json_name(names[0]),), lambda value: (only(value),)
    return tuple(map(json_name, names)), attrgetter(*names)
