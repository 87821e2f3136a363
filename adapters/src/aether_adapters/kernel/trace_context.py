"""W3C trace context (https://www.w3.org/TR/trace-context/) as it may enter a service."""

from __future__ import annotations

import re
from typing import Final

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LENGTH: Final = 55
_FIRST_VERSION: Final = "00"


def traceparent(value: str, /) -> str | None:
    """Return a well-formed traceparent, without what a later version of the standard appends; else None."""
    known = value[:_LENGTH]
    if _TRACEPARENT.fullmatch(known) is None:
        return None
    if len(value) > _LENGTH and (known[:2] == _FIRST_VERSION or value[_LENGTH] != "-"):
        return None
    return known
