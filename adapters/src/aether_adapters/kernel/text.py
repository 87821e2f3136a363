"""Rule for every text that enters a service: it holds no NUL character.

Databases and C libraries cut it there or refuse it, each in its own way, and nobody means it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.protojson import json_name, step

NUL_REFUSED = "must not contain a NUL character"


def refuse_nul(value: object, pointer: str = "", /) -> None:
    """Raise `Malformed`, with the place as its pointer, if a text inside `value` contains NUL.

    `value` is a JSON value, or a generated dataclass. Names of an object count too; bytes do not.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise Malformed(pointer, NUL_REFUSED)
        return
    for name, item in _parts(value):
        if isinstance(name, str) and "\0" in name:
            raise Malformed(pointer, f"{NUL_REFUSED} in a name")
        refuse_nul(item, f"{pointer}/{step(str(name))}")


def _parts(value: Any) -> Iterator[tuple[object, object]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    elif is_dataclass(value) and not isinstance(value, type):
        for name in _names(type(value)):
            yield json_name(name), getattr(value, name)


@lru_cache(maxsize=4096)
def _names(of: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(of))
