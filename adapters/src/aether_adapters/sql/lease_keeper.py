"""Keeps a lease in a thread of its own, so that its term can be short and the work that it guards long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.sql.lease import Lease

_log = logging.getLogger(__name__)

_LOOKS_PER_TERM: Final = 5
_STANDBY_SECONDS: Final = 1.0
"""The longest pause of a standby, so that it soon takes a lease that was released before its end."""
_IDLE_SECONDS: Final = 60.0


class LeaseKeeper:
    """Takes `lease` when it is free and renews it until `stop`; calls `taken`, from its own thread, after taking it.

    The holder writes one row about every 0.4 of a term. A standby only reads, at most once a second or when the term of
    the holder ends. The work must call `beat` again and again: without one for a minute the keeper takes work to hang and
    lets the lease go. Only the keeper may use `lease`, apart from `held`.
    """

    def __init__(self, lease: Lease, taken: Callable[[], None]) -> None:
        self._lease = lease
        self._taken = taken
        self._stopping = threading.Event()
        self._beat = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"lease-{lease.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        """Report that the work goes on."""
        self._beat = time.monotonic()

    def stop(self) -> None:
        """End the thread and let another process take the lease at once. Raises `Unavailable`; then its term ends it."""
        self._stopping.set()
        self._thread.join()
        with within(self._lease.seconds):
            self._lease.release()

    def _run(self) -> None:
        pause, failed = 0.0, False
        while not self._stopping.wait(pause):
            try:
                with within(self._lease.seconds / 2):
                    pause, failed = self._look(), False
            except TechnicalError as error:
                if not failed:
                    _log.warning("The lease %s is out of reach: %s", self._lease.name, error.reason)
                pause, failed = self._lease.seconds / _LOOKS_PER_TERM, True
            except Exception:
                # Without this thread the work would stand still until the process is restarted.
                if not failed:
                    _log.exception("The lease %s cannot be kept, and is tried again.", self._lease.name)
                pause, failed = self._lease.seconds / _LOOKS_PER_TERM, True

    def _look(self) -> float:
        """Take or renew the lease if it is time to; return the pause in seconds until the next look."""
        lease = self._lease
        if time.monotonic() - self._beat > _IDLE_SECONDS:
            return _STANDBY_SECONDS
        if not lease.held:
            taken_for = lease.seconds_left()
            if taken_for:
                return min(taken_for, _STANDBY_SECONDS)
            if lease.acquire():
                self._taken()
        else:
            lease.hold()
        return lease.seconds / _LOOKS_PER_TERM
