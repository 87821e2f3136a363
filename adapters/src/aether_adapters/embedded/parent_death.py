"""No orphans: a child process that dies with its parent, where the kernel can see to it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
# Loaded before any fork: between fork and exec nothing may import, allocate much or take a lock.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def tie_to(parent: int) -> Callable[[], None]:
    """What a child of process `parent` does before it execs, so that SIGKILL follows the parent's death.

    Linux sends the signal when the *thread* that forked ends. Elsewhere this does nothing.
    Source: prctl(2), PR_SET_PDEATHSIG.
    """

    def tie() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

    return tie
