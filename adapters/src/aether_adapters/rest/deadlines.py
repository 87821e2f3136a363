"""Cancels requests whose time is up, with one timer for all of them.

A timer for each request, set and taken back a millisecond later, costs an event loop more than a dictionary. All
requests of an edge have the same time, so the first one in is the first one out of it.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, Final

_SHORTEST: Final = 0.001
"""Seconds between two looks; a loop's clock may count in milliseconds."""


class Alarm:
    """Stands for one task while `Deadlines` watch it, who fill it in.

    A request's `ResponseSender` is its alarm: one object to make for each request, not two.
    """

    __slots__ = ("at", "cancelling", "rang", "task")

    at: float
    """When it rings, on `time.monotonic()`."""
    task: asyncio.Task[Any]
    cancelling: int
    """Cancellations of the task from before it was watched."""
    rang: bool

    def is_why(self) -> bool:
        """Whether this alarm, and nobody else, cancelled the task; takes the cancellation back if so."""
        return self.rang and self.task.uncancel() <= self.cancelling


class Deadlines:
    """The alarms of one edge; used on its event loop alone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._alarms: dict[Alarm, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed = False

    def watch(self, alarm: Alarm, since: float) -> None:
        """Watch the current task, which began at `since` on `time.monotonic()`, until `forget`."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101  # ASGI servers run an app in a task
        alarm.task = task
        alarm.at = since + self._seconds
        alarm.cancelling = task.cancelling()
        alarm.rang = False
        if loop is not self._loop:  # the first request, or a test that runs each in a loop of its own
            self._loop = loop
            self._alarms.clear()
            self._armed = False
        if not self._armed:
            self._armed = True
            self._wait(alarm, loop)
        self._alarms[alarm] = None

    def forget(self, alarm: Alarm) -> None:
        """The task has done what it was watched for."""
        self._alarms.pop(alarm, None)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            return
        now = monotonic()
        for alarm in list(self._alarms):
            if alarm.at > now:
                self._wait(alarm, loop)
                return
            del self._alarms[alarm]
            alarm.rang = True
            alarm.task.cancel()
        self._armed = False

    def _wait(self, alarm: Alarm, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(max(_SHORTEST, alarm.at - monotonic()), self._ring, loop)
