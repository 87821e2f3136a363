"""Runs a task of the worker role again and again until the process stops."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import structlog

from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.service.process import Stop

_LOG = structlog.get_logger("aether.periodic")
_SPREAD: Final = 0.1


class Periodic:
    """Calls `work` every `seconds`, varied by a tenth so that many processes do not all do so at once.

    `work` returns True if more is waiting, and is then called again at once. A `TechnicalError` (a server is away, a
    deadline passed) is logged, and `work` is called again next time; any other error ends the role, and so the process.
    """

    def __init__(self, name: str, work: Callable[[], bool], seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds

    def run(self, stop: Stop) -> None:
        """Run until `stop` is set; a call in progress is finished first."""
        while not stop.is_set():
            try:
                more = self._work()
            except TechnicalError as error:
                more = False
                _LOG.warning("periodic work failed", work=self._name, error=error.detail)
            if not more:
                stop.wait(self._seconds * random.uniform(1 - _SPREAD, 1 + _SPREAD))  # noqa: S311
