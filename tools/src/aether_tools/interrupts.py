"""Signal handling: turns SIGINT, SIGTERM and SIGHUP into `KeyboardInterrupt`, and loses none."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

INTERRUPTIONS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RETRY_SECONDS: Final = 0.1


@contextlib.contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals) -> Iterator[None]:
    """Install `handler` for these signals within the block, then restore the previous handlers. Main thread only."""
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` for SIGINT, SIGTERM and SIGHUP within the block. Main thread only.

    Python drops an exception that a signal handler raises in `__del__` or in the callback of a weak reference. So
    raise it again every 0.1 s until it is caught, but not while its clean-up runs.
    """
    with handled_by(_interrupt, *INTERRUPTIONS, signal.SIGALRM):
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if not _unwinding():
        signal.setitimer(signal.ITIMER_REAL, _RETRY_SECONDS)
        raise KeyboardInterrupt


def _unwinding() -> bool:
    """Return whether the interrupted code already handles, or cleans up after, a `KeyboardInterrupt`."""
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
