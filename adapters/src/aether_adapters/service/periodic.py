"""Work that a service does by itself, again and again, until it is told to stop."""

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
    """Does `work` every `seconds`, give or take a tenth so that many processes do not all come at once.

    `work` says True where more is waiting, and is then done again at once. A `TechnicalError` (a server is away, time
    ran out) is logged and the work tried again next time; any other error ends the role, and with it the process.
    """

    def __init__(self, name: str, work: Callable[[], bool], seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds

    def run(self, stop: Stop) -> None:
        """Until `stop` is set; the work in hand is finished first."""
        while not stop.is_set():
            try:
                more = self._work()
            except TechnicalError as error:
                more = False
                _LOG.warning("periodic work failed", work=self._name, error=error.detail)
            if not more:
                stop.wait(self._seconds * random.uniform(1 - _SPREAD, 1 + _SPREAD))  # noqa: S311
