"""Limits how deeply JSON is nested.

Every part behind the parser recurses: validator, codecs, the protobuf parser of a gateway's service. Each has
a limit of its own, so one limit below all of theirs makes them agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.protojson import MAX_DEPTH, step

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_OTHER_BYTES: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_SIGNS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_MAX_VISITS: Final = 10_000
"""Values looked at to find the place of an error, so that a large body costs little more than a small one."""
_MAX_POINTER_CHARACTERS: Final = 100


def check_depth(body: bytes, value: Any) -> None:
    """Raise `Malformed` if the JSON text `body`, parsed as `value`, is nested deeper than `MAX_DEPTH` levels.

    Its pointer leads towards the first place that is too deep, as far as a short one can.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    signs = _STRING.sub(b"", body).translate(_SIGNS, _OTHER_BYTES)
    if max(accumulate(memoryview(signs).cast("b"))) > MAX_DEPTH:
        raise Malformed(_towards_the_deepest(value), f"is nested deeper than {MAX_DEPTH} levels")


def _towards_the_deepest(value: Any) -> str:
    path: list[str] = []
    inside = [_containers(value)]
    for _ in range(_MAX_VISITS):
        following = next(inside[-1], None)
        if following is None:
            inside.pop()
            if not inside:
                return ""  # a repeated name hid the place from the parser
            path.pop()
            continue
        name, child = following
        path.append(name)
        if len(inside) == MAX_DEPTH:
            return _shortened(path)
        inside.append(_containers(child))
    return ""


def _containers(value: Any) -> Iterator[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return ((str(name), child) for name, child in pairs if isinstance(child, dict | list))


def _shortened(path: list[str]) -> str:
    pointer = ""
    for name in path:
        longer = f"{pointer}/{step(name)}"
        if len(longer) > _MAX_POINTER_CHARACTERS:
            break
        pointer = longer
    return pointer
