"""How much of the machine a measurement had for itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

import psutil

_NOT_WORK: Final = {"idle", "iowait", "guest", "guest_nice"}
"""Guests are part of `user` and `nice` as well."""


class OtherProcesses:
    """Counts the CPU time that other processes use from now on.

    Their work evicts ours from the caches, which CPU seconds do not show: a small fast request, such as one of bare
    Starlette, then costs up to twice as much, a large one hardly more.
    """

    def __init__(self, own: Callable[[], float] | None = None) -> None:
        """`own` returns the CPU seconds of what is measured; by default of this process and its ended children."""
        self._count = own or _own
        self._began, self._busy, self._own = time.perf_counter(), _busy(), self._count()

    def share(self) -> float:
        """Return their share of all CPU time so far, 0 to 1."""
        used = (_busy() - self._busy) - (self._count() - self._own)
        capacity = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        return min(1.0, max(0.0, used / capacity))


def _busy() -> float:
    return float(sum(used for name, used in psutil.cpu_times()._asdict().items() if name not in _NOT_WORK))


def _own() -> float:
    return float(sum(psutil.Process().cpu_times()[:4]))  # user and system, its own and its children's
