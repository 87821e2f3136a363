"""Cancels requests that exceed the deadline, with one timer for all of them.

A timer for each request, set and cancelled a millisecond later, costs more than a dictionary. All requests of
a server have the same time limit, so they expire in order of arrival.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, Final

_MIN_WAIT_SECONDS: Final = 0.001
"""Shortest timer; the clock of an event loop may count in milliseconds."""


class Alarm:
    """The deadline of one task; `Deadlines.watch` sets its fields.

    `ResponseSender` inherits from it, so that a request needs one object instead of two.
    """

    __slots__ = ("at", "cancelling", "fired", "task")

    at: float
    """Time of expiry on `time.monotonic()`, in seconds."""
    task: asyncio.Task[Any]
    cancelling: int
    """Cancellations of the task that were pending before `watch`."""
    fired: bool

    def caused_cancellation(self) -> bool:
        """Whether only this alarm cancelled the task; if so, withdraw the cancellation."""
        return self.fired and self.task.uncancel() <= self.cancelling


class Deadlines:
    """The alarms of one server. Use it from that server's event loop only."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._alarms: dict[Alarm, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed = False

    def watch(self, alarm: Alarm, since: float) -> None:
        """Watch the current task, which started at `since` on `time.monotonic()`, until `forget`."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101  # ASGI servers run an app in a task
        alarm.task = task
        alarm.at = since + self._seconds
        alarm.cancelling = task.cancelling()
        alarm.fired = False
        if loop is not self._loop:  # first request, or a test with a new loop for each request
            self._loop = loop
            self._alarms.clear()
            self._armed = False
        if not self._armed:
            self._armed = True
            self._schedule(alarm, loop)
        self._alarms[alarm] = None

    def forget(self, alarm: Alarm) -> None:
        """Stop watching the task of `alarm`."""
        self._alarms.pop(alarm, None)

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            return
        now = monotonic()
        for alarm in list(self._alarms):
            if alarm.at > now:
                self._schedule(alarm, loop)
                return
            del self._alarms[alarm]
            alarm.fired = True
            alarm.task.cancel()
        self._armed = False

    def _schedule(self, alarm: Alarm, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(max(_MIN_WAIT_SECONDS, alarm.at - monotonic()), self._fire, loop)
