"""Deadline of the request being served, from the server to the last statement.

A thread cannot be cancelled, so the time that is left becomes the timeout of every SQL, Redis and gRPC call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from aether_adapters.kernel.errors import DeadlineExceeded

DEADLINE: Final[ContextVar[float | None]] = ContextVar("aether_deadline", default=None)
"""Deadline of the request being served, on `time.monotonic()`, in seconds."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit the body to `seconds`; an earlier outer deadline stays in force."""
    outer = DEADLINE.get()
    mine = time.monotonic() + seconds
    token = DEADLINE.set(mine if outer is None else min(mine, outer))
    try:
        yield
    finally:
        DEADLINE.reset(token)


def remaining(default: float) -> float:
    """Return the seconds left, at most `default`; `default` without a deadline.

    Raises `DeadlineExceeded` if none are left.
    """
    deadline = DEADLINE.get()
    if deadline is None:
        return default
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded("The deadline passed before the work was done.")
    return min(left, default)
