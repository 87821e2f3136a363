"""What a caller's request id may look like; any other is replaced, because it goes into logs and further calls."""

from __future__ import annotations

import re
from typing import Final

_PATTERN: Final = r"[A-Za-z0-9._:/+=-]{1,128}"

VALID_TEXT: Final = re.compile(_PATTERN)
VALID_BYTES: Final = re.compile(_PATTERN.encode("ascii"))
"""The same for header fields before they are decoded. Use `fullmatch` of either."""
