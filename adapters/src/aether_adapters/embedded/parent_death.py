"""Makes a child process die with its parent (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
# Loaded before any fork: between fork and exec the child must not import, allocate much or take a lock.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def tie_to(parent: int) -> Callable[[], None]:
    """Return what a child of process `parent` must call before exec to get SIGKILL when the parent dies.

    Linux sends the signal when the *thread* that forked ends. On other systems it does nothing.
    Source: prctl(2), PR_SET_PDEATHSIG.
    """

    def tie() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # the parent died before the call above
                os._exit(1)

    return tie
