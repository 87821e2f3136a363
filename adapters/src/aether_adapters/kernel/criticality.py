"""How important a call is: an overloaded server refuses the least important first.

The four levels are those of Google's "Site Reliability Engineering", chapter 21:
https://sre.google/sre-book/handling-overload/.
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import IntEnum
from typing import Final


class Criticality(IntEnum):
    """How important a call is; greater is more important."""

    SHEDDABLE = 0
    """It may fail for minutes: background work, prefetching."""
    SHEDDABLE_PLUS = 1
    """It may fail now and then, and somebody tries again later: lists, reports."""
    CRITICAL = 2
    """A user notices if it fails. The default."""
    CRITICAL_PLUS = 3
    """Its failure costs most: payments, operators' acts in an emergency."""


CRITICALITY: Final[ContextVar[Criticality | None]] = ContextVar("aether_criticality", default=None)
"""The criticality of the request being served, which calls made for it carry; None outside of requests."""


def current() -> Criticality:
    """Return the criticality of the request being served; `CRITICAL` outside of requests."""
    level = CRITICALITY.get()
    return Criticality.CRITICAL if level is None else level


HEADER: Final = "x-criticality"
"""The header field of a request, and the metadata key of a call, that carries a level by its name in lower case."""

LEVELS: Final = {level.name.lower(): level for level in Criticality}


def of_call(declared: Criticality, sent: str | None, *, trusted: bool) -> Criticality:
    """Return the criticality of a call: what its contract declares, unless the caller sent another level.

    Anybody may lower it. Only a trusted caller, a service, may raise it: the request that it serves may be more important
    than the operation is by itself. An unknown level is ignored.
    """
    level = LEVELS.get(sent) if sent else None
    if level is None:
        return declared
    return level if trusted else min(level, declared)
