"""Waiting for what another thread or process does, on a machine that may be busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import httpx

_PAUSE_SECONDS: Final = 0.02


def eventually(holds: Callable[[], bool], what: str = "the condition holds", seconds: float = 60.0) -> float:
    """Wait until `holds` returns True; return how many seconds that took.

    An `OSError` or an HTTP client's failed connection counts as False. Raises `AssertionError`, which says `what`, after
    `seconds`. The default is long, because a test that passes ends early anyhow.
    """
    started = time.monotonic()
    failure: Exception | None = None
    while True:
        try:
            if holds():
                return time.monotonic() - started
            failure = None
        except (OSError, httpx.TransportError) as error:
            failure = error
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds:.0f} s: {what}") from failure
        time.sleep(_PAUSE_SECONDS)
