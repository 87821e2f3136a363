"""Link between a service's parent process and each of its workers: what a worker is told, and what it answers.

The parent asks over a socket that the worker inherits; the answers tell whether it is alive and ready, and its metrics.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Final

from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric

from aether_adapters.observability.health import Health

VARIABLE: Final = "AETHER_WORKER"
"""Environment variable that makes a process a worker; set by its parent, and by nobody else."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the parent tells a worker: its name, and the ports that it shares, by the prefix of their settings."""

    name: str
    ports: Mapping[str, int]
    file: int
    """The inherited file descriptor of the link."""


def take_place() -> Place | None:
    """Return this process's place among the workers of its parent; None for a process that has no such parent.

    Ask once: processes that a worker starts are no workers.
    """
    told = os.environ.pop(VARIABLE, None)
    return None if told is None else Place(**json.loads(told))


def answer_parent(place: Place, health: Health) -> None:
    """Answer the parent's questions in a thread, for as long as there is a parent."""
    link = Connection(place.file)
    answers: Mapping[str, Callable[[], object]] = {
        "alive": health.frozen,
        "ready": lambda: sorted(name for name, result in health.check().items() if not result.ok),
        "metrics": lambda: families(REGISTRY.collect()),
    }

    def run() -> None:
        while True:
            try:
                number, question = json.loads(link.recv_bytes())
                link.send_bytes(json.dumps([number, answers[question]()]).encode())
            except (EOFError, OSError):
                return  # the parent is gone, and this process follows

    threading.Thread(target=run, name="worker-link", daemon=True).start()


def families(metrics: Iterable[Metric]) -> list[list[Any]]:
    """Return metrics as JSON: name, documentation, type, unit, and samples as name, labels, value."""
    return [
        [
            metric.name,
            metric.documentation,
            metric.type,
            metric.unit,
            [[sample.name, sample.labels, sample.value] for sample in metric.samples],
        ]
        for metric in metrics
    ]


class Link:
    """The parent's end; thread-safe. Pass `theirs` to the worker, then `close_theirs`."""

    def __init__(self) -> None:
        self._mine, self._theirs = Pipe()
        self._lock = threading.Lock()
        self._asked = 0

    def environment(self, name: str, ports: Mapping[str, int]) -> dict[str, str]:
        """Return the variable that makes a process the worker `name` at the other end."""
        return {VARIABLE: json.dumps(asdict(Place(name, dict(ports), self.theirs)))}

    @property
    def theirs(self) -> int:
        """The file descriptor for the worker."""
        return self._theirs.fileno()

    def close_theirs(self) -> None:
        """Close this process's copy of the worker's end, so that the end of the worker is noticed."""
        self._theirs.close()

    def close(self) -> None:
        """Close the link."""
        with self._lock:
            self._mine.close()

    def ask(self, question: str, seconds: float) -> Any:
        """Return the worker's answer to alive, ready or metrics; None if there is none within `seconds`."""
        with self._lock:
            self._asked += 1
            give_up = time.monotonic() + seconds
            try:
                self._mine.send_bytes(json.dumps([self._asked, question]).encode())
                while self._mine.poll(max(0.0, give_up - time.monotonic())):
                    number, answer = json.loads(self._mine.recv_bytes())
                    if number == self._asked:  # an older one came late
                        return answer
            except (EOFError, OSError):
                return None
            return None
