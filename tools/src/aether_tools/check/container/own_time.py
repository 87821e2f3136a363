"""How long a process has worked or slept, without the time it waited for a processor or a disk.

A machine that is busy with something else makes a process late, and no limit of wall-clock time tells that from a
hang. Time that the process computes counts, and time that it sleeps; time in which others run instead does not.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

_MAX_SLEEP_SECONDS: Final = 0.2
"""The most that one sample counts as sleep: whoever samples may have waited for a processor too."""
_STATE, _USER, _SYSTEM = 0, 11, 12
"""Fields of /proc/PID/stat after the name. Source: proc(5)"""
_OTHER_SYSTEMS_FACTOR: Final = 3.0
"""Without /proc, wall-clock time counts a third."""


class OwnTime:
    """The own time of a process, in seconds, since it was created or `restart`ed. Call `sample` often."""

    def __init__(self, pid: int) -> None:
        self._stat = Path(f"/proc/{pid}/stat")
        self.seconds = 0.0
        self._at = time.monotonic()
        self._state, self._cpu = self._read()

    def restart(self) -> None:
        """Count from zero again."""
        self.sample()
        self.seconds = 0.0

    def sample(self) -> float:
        """Add what has passed since the last call. Return the seconds so far."""
        before, state, cpu = self._at, self._state, self._cpu
        self._at = time.monotonic()
        self._state, self._cpu = self._read()
        passed = self._at - before
        if not self._state:
            self.seconds += passed / _OTHER_SYSTEMS_FACTOR
        elif self._cpu > cpu:
            self.seconds += min(self._cpu - cpu, passed)
        elif self._state == state == "S":
            self.seconds += min(passed, _MAX_SLEEP_SECONDS)
        return self.seconds

    def _read(self) -> tuple[str, float]:
        """Return the state of the main thread and the CPU seconds of all threads; an empty state if unknown."""
        try:
            fields = self._stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return "", 0.0
        return fields[_STATE], (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")
