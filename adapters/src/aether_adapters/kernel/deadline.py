"""The time a request has left, from the door to the last statement.

A thread cannot be cancelled, so what is left of the deadline becomes the timeout of every SQL, Redis and
gRPC call made on a request's behalf.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from aether_adapters.kernel.errors import DeadlineExceeded

DEADLINE: Final[ContextVar[float | None]] = ContextVar("aether_deadline", default=None)
"""When the request being served must be answered, on `time.monotonic()`, in seconds."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give what runs inside at most `seconds`; an earlier deadline from outside stays in force."""
    outer = DEADLINE.get()
    mine = time.monotonic() + seconds
    token = DEADLINE.set(mine if outer is None else min(mine, outer))
    try:
        yield
    finally:
        DEADLINE.reset(token)


def remaining(default: float) -> float:
    """Seconds left, at most `default`; `default` where no deadline is set.

    Raises `DeadlineExceeded` when nothing is left.
    """
    deadline = DEADLINE.get()
    if deadline is None:
        return default
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded("The deadline passed before the work was done.")
    return min(left, default)
