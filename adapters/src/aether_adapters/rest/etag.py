"""Entity tags (RFC 9110, section 8.8.3) that carry a version number."""

from __future__ import annotations

import re
from typing import Final

from aether_adapters.kernel.errors import Malformed

_STRONG_ETAG: Final = re.compile(r'"(0|[1-9][0-9]{0,18})"', re.ASCII)
_INT64_MAX: Final = 2**63 - 1


def etag(version: int, /) -> str:
    """Return the strong entity tag of a version: 3 becomes `"3"`, quotes included."""
    return f'"{version}"'


def parse_etag(value: str, /, pointer: str = "If-Match", most: int = _INT64_MAX) -> int:
    """Return the version in a strong entity tag, at most `most`.

    Raises `Malformed` at `pointer` for anything else: a weak tag, a list, `*`, a greater number.
    """
    found = _STRONG_ETAG.fullmatch(value)
    version = int(found.group(1)) if found else -1
    if not 0 <= version <= most:
        raise Malformed(pointer, 'must be one strong entity tag with a version, such as "3"')
    return version
