"""Origins of web pages (RFC 6454) that may call an API, as settings name them."""

from __future__ import annotations

import re
from typing import Final

ANY_ORIGIN: Final = "*"
_ORIGIN: Final = re.compile(r"(https?)://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def checked_origins(origins: tuple[str, ...], *, credentials: bool) -> tuple[str, ...]:
    """Return the origins. Raises `ValueError` if one is none, or for `*` beside others or with credentials."""
    for origin in origins:
        parts = _ORIGIN.fullmatch(origin)
        # Browsers leave the default port out, and nothing is compared in part.
        if origin != ANY_ORIGIN and (parts is None or _DEFAULT_PORTS[parts[1]] == parts[2]):
            raise ValueError(
                f"CORS origin {origin!r}: write scheme://host[:port] in lower case, without a path, a wildcard or the "
                "default port, or * alone"
            )
    if ANY_ORIGIN in origins and (credentials or len(origins) > 1):
        raise ValueError('CORS origin "*": list the origins instead, or use it alone and without credentials')
    return origins
