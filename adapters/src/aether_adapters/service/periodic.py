"""Runs a task of the worker role again and again until the process stops."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import Counter

from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.service.process import Stop

_LOG = structlog.get_logger("aether.periodic")
_SPREAD: Final = 0.1
_TURNS: Final = Counter(
    "aether_periodic_turns", "Turns of periodic work: done, or the type of the problem.", ["work", "outcome"]
)


class Periodic:
    """Calls `work` every `seconds`, varied by a tenth so that many processes do not all do so at once.

    `work` returns True if more is waiting, and is then called again at once. An error that `errors` foresees (a broken
    rule, a server that is away, a deadline that passed) is logged and counted, and `work` is called again next time. Any
    other error is a defect: it ends the role, and so the process.
    """

    def __init__(self, name: str, work: Callable[[], bool], seconds: float, errors: ErrorTable) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._errors = errors

    def run(self, stop: Stop) -> None:
        """Run until `stop` is set; a call in progress is finished first."""
        while not stop.is_set():
            if not self._turn():
                stop.wait(self._seconds * random.uniform(1 - _SPREAD, 1 + _SPREAD))  # noqa: S311

    def _turn(self) -> bool:
        """Work once; return whether more is waiting."""
        try:
            more = self._work()
        except Exception as error:
            if not self._errors.foresees(error):
                raise
            problem = self._errors.problem(error)
            _TURNS.labels(self._name, problem.type).inc()
            _LOG.warning("periodic work failed", work=self._name, problem=problem.type, reason=problem.detail)
            return False
        _TURNS.labels(self._name, "done").inc()
        return more
