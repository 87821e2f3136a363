"""Interruptions by a person or a supervisor: who takes them, and how none gets lost."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

INTERRUPTIONS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS: Final = 0.1


@contextlib.contextmanager
def taken_by(handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals) -> Iterator[None]:
    """In this block `handler` takes these signals; afterwards whoever took them before. Main thread only."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """In this block Ctrl-C, SIGTERM and SIGHUP unwind the stack: they raise `KeyboardInterrupt`. Main thread only.

    Python drops an exception that a signal's handler raises where nobody could catch it: in `__del__`, in the callback
    of a weak reference. So it is raised again until somebody handles it; while somebody does, no second one is.
    """
    with taken_by(_interrupt, *INTERRUPTIONS, signal.SIGALRM):
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


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
