"""Measures how far a process lags behind, while something in it wants to know."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from statistics import median
from typing import Final, Protocol

_PAUSE_SECONDS: Final = 0.01
_PAUSES_PER_TICK: Final = 5


class Beaten(Protocol):
    """What a `Pulse` beats for."""

    @property
    def busy(self) -> bool:
        """Whether it has work, and so wants the pulse to go on."""
        ...

    def tick(self, lag: float, cpu_share: float, seconds: float) -> None:
        """Hear of the last `seconds`: the lag in seconds, and the part of one processor that the process used."""
        ...


class Queued:
    """Tells for how many seconds the thread that calls it has waited for a processor; 0 where the system does not say.

    Linux does, see https://docs.kernel.org/scheduler/sched-stats.html. Cheap if the same thread calls it again and again.
    """

    def __init__(self) -> None:
        self._thread = 0
        self._file = -1
        self._close: Callable[[], object] = lambda: None

    def __call__(self) -> float:
        """Return the seconds since the thread began."""
        thread = threading.get_ident()
        if thread != self._thread:
            self._thread = thread
            self._open()
        try:
            return int(os.pread(self._file, 64, 0).split()[1]) / 1e9 if self._file >= 0 else 0.0
        except (OSError, IndexError, ValueError):
            return 0.0

    def _open(self) -> None:
        self._close()
        try:
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        except OSError:
            self._file = -1
            return
        close = weakref.finalize(self, os.close, self._file)
        close.atexit = False
        self._close = close


class Pulse:
    """A thread that sleeps for 10 ms at a time and sees how late it wakes up; it rests while nobody is busy.

    It wakes up late if other threads hold the interpreter lock. What it waits for a processor is not counted: that is
    the time of other processes, which fewer calls in this one would not save. The median of five makes a tick, so that
    a single hiccup counts for nothing.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        cpu: Callable[[], float] = time.process_time,
        queued: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._cpu = cpu
        self._queued = queued or Queued()
        self._members: weakref.WeakSet[Beaten] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self.beats = False
        """Whether it is at work; a member that becomes busy calls `wake` if not."""

    def join(self, member: Beaten) -> None:
        """Beat for `member` for as long as it exists."""
        with self._guard:
            self._members.add(member)

    def wake(self) -> None:
        """Begin to beat."""
        with self._guard:
            self.beats = True
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
                self._thread.start()

    def tick(self) -> bool:
        """Measure once and tell the members; return whether any of them is busy."""
        begun, cpu = self._clock(), self._cpu()
        lags = []
        for _ in range(_PAUSES_PER_TICK):
            before, queued = self._clock(), self._queued()
            self._sleep(_PAUSE_SECONDS)
            lags.append(self._clock() - before - _PAUSE_SECONDS - (self._queued() - queued))
        seconds = max(self._clock() - begun, _PAUSE_SECONDS)
        with self._guard:
            members = list(self._members)
        for member in members:
            member.tick(max(0.0, median(lags)), (self._cpu() - cpu) / seconds, seconds)
        return any(member.busy for member in members)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            while self.tick():
                pass
            self.beats = False
            # A member that became busy after the last tick saw `beats` set, and did not wake this.
            with self._guard:
                if any(member.busy for member in self._members):
                    self.beats = True
                    self._wanted.set()


PULSE: Final = Pulse()
"""The pulse of this process."""


def _forked() -> None:
    PULSE.__init__()  # type: ignore[misc] # threads do not survive a fork, and locks may be held


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
