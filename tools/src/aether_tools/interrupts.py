"""An interruption that cannot get lost, and does not interrupt the clean-up that it causes."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Final

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS: Final = 0.1


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """In this block Ctrl-C, SIGTERM and SIGHUP unwind the stack: they raise `KeyboardInterrupt`. Main thread only.

    Python drops an exception that a signal's handler raises where nobody could catch it: in `__del__`, in the callback
    of a weak reference. So it is raised again until somebody handles it; while somebody does, no second one is.
    """
    before = {number: signal.signal(number, _interrupt) for number in (*_NUMBERS, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if not _unwinding():
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        raise KeyboardInterrupt


def _unwinding() -> bool:
    """Whether the interrupted code is a handler or a clean-up of an interruption."""
    handled = sys.exception()
    while handled is not None and not isinstance(handled, KeyboardInterrupt):
        handled = handled.__context__
    return handled is not None
