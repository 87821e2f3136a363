"""Until when a deprecated operation works: `deprecated: true` with `x-sunset`, the date of its Sunset header (RFC 8594)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from aether_tools.breaking.places import Place, at, at_key, vanished
from aether_tools.compiler.openapi.document import Node

KEY = "x-sunset"


def sunset(operation: Node) -> date | None:
    """Return the last day of an operation. None if it has none, or is not deprecated."""
    return _date(operation) if operation.flag("deprecated") else None


def _date(operation: Node) -> date | None:
    text = operation.text(KEY)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def compare_deprecation(old: Node, new: Node) -> Iterator[tuple[str, str, Place]]:
    """Yield code, sentence and place of each change of an operation's deprecation."""
    if new.flag("deprecated") and not old.flag("deprecated"):
        yield "deprecated", "The operation is deprecated", at_key(new, "deprecated")
    value = new.get(KEY)
    if value is not None and _date(new) is None:
        if old.text(KEY) != value.scalar:
            yield "sunset-invalid", f"x-sunset is {value.scalar!r}", at(value)
        return
    before, now = sunset(old), sunset(new)
    if before is not None and now is None:
        yield (
            "sunset-earlier",
            f"The operation was promised until {before}, and is not deprecated any more",
            vanished(old, KEY),
        )
    elif before is not None and now is not None and now < before:
        yield (
            "sunset-earlier",
            f"The operation was promised until {before}, and ends on {now}",
            at_key(new, KEY),
        )
