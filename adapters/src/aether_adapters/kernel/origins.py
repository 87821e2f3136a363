"""Origins of web pages (RFC 6454) that may call an API, as settings name them."""

from __future__ import annotations

from typing import Final

ANY_ORIGIN: Final = "*"


def checked_origins(origins: tuple[str, ...], *, credentials: bool) -> tuple[str, ...]:
    """Return the origins. Raises `ValueError` if one is none, or for `*` beside others or with credentials."""
    for origin in origins:
        scheme, _, host = origin.partition("://")
        if origin != ANY_ORIGIN and not (
            scheme in ("http", "https")
            and host
            and origin.isascii()
            and origin == origin.lower()
            and "/" not in host
        ):
            raise ValueError(
                f"CORS origin {origin!r}: write scheme://host[:port] in lower case, without a path, or *"
            )
    if ANY_ORIGIN in origins and (credentials or len(origins) > 1):
        raise ValueError('CORS origin "*": list the origins instead, or use it alone and without credentials')
    return origins
