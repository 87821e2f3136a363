"""Parent of several worker processes that share ports: restarts those that die and drains all of them on SIGTERM.

Each worker serves every port by itself (SO_REUSEPORT), and the kernel spreads connections over them. Roles without a port
run in one more process: a relay works in one process at a time anyway, and consumers gain nothing on one machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import structlog
from prometheus_client import Counter, Gauge

from aether_adapters.embedded.parent_death import tie_to
from aether_adapters.service.process import Stop
from aether_adapters.service.worker_link import Link

_LOG = structlog.get_logger("aether.workers")
_STARTS: Final = Counter("aether_worker_starts", "Starts of a worker process.", ["worker"])
_RUNNING: Final = Gauge("aether_workers_running", "Worker processes that serve.")
_TICK_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 2.5
_READY_SECONDS: Final = 5.0
_MISSES: Final = 4
"""Looks in a row that a worker may leave unanswered before it counts as frozen: about ten seconds."""
_START_SECONDS: Final = 120.0
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 30.0
_STABLE_SECONDS: Final = 60.0
"""A worker that ran for so long is started again at once when it dies."""
_FAILED: Final = 1


class Worker:
    """One worker process, and its successors under the same name."""

    def __init__(self, name: str, command: Sequence[str], ports: Mapping[str, int]) -> None:
        """`ports` are those that it shares, by the prefix of their settings; none for a worker without a server."""
        self.name = name
        self.has_server = bool(ports)
        self.failures = 0
        """Starts in a row that did not come to serving."""
        self.started = False
        """Whether the process serves, or did before it ended."""
        self.ever_started = False
        self._command = command
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Link | None = None
        self._since = self._start_at = 0.0
        self._pause = 0.0
        self._misses = 0
        self._look_at = 0.0

    @property
    def serves(self) -> bool:
        """Whether the process runs and has answered."""
        return self.started and self._process is not None

    def start(self) -> None:
        """Start the process. Call it from the main thread: the kernel ends the process with the thread that started it."""
        if self._link is not None:
            self._link.close()
        link = self._link = Link()
        self._process = subprocess.Popen(  # noqa: S603 - this service again
            self._command,
            env=os.environ | link.environment(self.name, self._ports),
            pass_fds=(link.theirs,),
            start_new_session=True,  # a terminal's Ctrl-C is for the parent, which passes it on
            preexec_fn=tie_to(os.getpid()),
        )
        link.close_theirs()
        self._since, self.started, self._misses = time.monotonic(), False, 0
        _STARTS.labels(self.name).inc()

    def ask(self, question: str, seconds: float) -> Any:
        """Return the answer of the process, as `Link.ask`; None if it does not run."""
        link = self._link
        return None if link is None or self._process is None else link.ask(question, seconds)

    def look(self) -> None:
        """Ask the process whether it lives; kill it if it is frozen. For a thread beside the main one."""
        process = self._process
        if process is None:
            return
        frozen = self.ask("alive", _ANSWER_SECONDS)
        if frozen == []:
            self.started, self._misses = True, 0
            self.ever_started = True
            return
        self._misses += 1
        waited = time.monotonic() - self._since
        stuck = self._misses >= _MISSES if self.started else waited > _START_SECONDS
        if stuck and process.poll() is None:
            _LOG.error("worker is frozen: killing it", worker=self.name, parts=frozen or [])
            process.kill()

    def revive(self, can_start: bool) -> int | None:
        """Start the process again when it has ended and its pause is over.

        Return its exit code instead if it never served, and not `can_start`: whether another of its kind did.
        """
        now = time.monotonic()
        if self._process is None:
            if now >= self._start_at:
                self.start()
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._process = None
        if not self.ever_started and not can_start:
            return code
        self.failures = 0 if self.started else self.failures + 1
        stable = self.started and now - self._since >= _STABLE_SECONDS
        self._pause = (
            0.0 if stable else min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        )
        self._start_at = now + self._pause
        _LOG.error("worker ended: starting another", worker=self.name, code=code, pause_seconds=self._pause)
        return None

    def terminate(self) -> None:
        """Ask the process to end in order."""
        if self._process is not None:
            self._process.terminate()

    def end(self, seconds: float) -> bool:
        """Wait for the end of the process, then kill it; return whether it ended in order."""
        if self._process is None:
            return True
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            _LOG.error("worker did not stop: killing it", worker=self.name)
            self._process.kill()
            self._process.wait()
            return False
        return code in (0, -signal.SIGTERM)  # a process that had hardly begun handles no signal


class Workers:
    """All workers of a parent."""

    def __init__(self, workers: Sequence[Worker], *, grace: float) -> None:
        """`grace` is the time in seconds that they get to end in order."""
        self.draining = False
        self._workers = workers
        self._grace = grace

    def run(self, stop: Stop) -> int:
        """Run the workers until `stop` is set; return the exit code of the process.

        0: all ended in order. A worker that ends before any of its kind has served ends the others, and its code is
        returned: what keeps it from starting, such as a setting, will keep its successors too.
        """
        code = 0
        try:
            for worker in self._workers:
                worker.start()
            with self._looking():
                while not code and not stop.wait(_TICK_SECONDS):
                    for worker in self._workers:
                        kind = [each for each in self._workers if each.has_server == worker.has_server]
                        ended = worker.revive(any(each.ever_started for each in kind))
                        if ended is not None:
                            _LOG.error("worker did not start: stopping", worker=worker.name, code=ended)
                            code = ended if ended > 0 else _FAILED
                            break
        finally:
            self.draining = True
            for worker in self._workers:
                worker.terminate()
            give_up = time.monotonic() + self._grace
            in_order = [worker.end(max(0.0, give_up - time.monotonic())) for worker in self._workers]
        return code or (0 if all(in_order) else _FAILED)

    def alive(self) -> bool:
        """Whether some worker serves, or may yet: not if each has failed to start three times in a row."""
        return any(worker.serves or worker.failures < 3 for worker in self._workers)

    def away(self) -> list[str] | None:
        """Return what the least troubled worker with a server waits for: [] if it is ready, None if none answers."""
        servers = [worker for worker in self._workers if worker.has_server]
        answers = [answer for _, answer in _ask_all(servers, "ready", _READY_SECONDS) if answer is not None]
        return min(answers, key=len, default=None)

    def families(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield each worker's name and metrics, as `worker_link.families`."""
        for name, answer in _ask_all(self._workers, "metrics", _ANSWER_SECONDS):
            yield name, answer or []

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Look at each worker once a second, each in a thread of its own."""
        done = threading.Event()

        def look(worker: Worker) -> None:
            while not done.wait(_LOOK_SECONDS if worker.serves else 0.1):
                worker.look()
                _RUNNING.set(sum(each.serves for each in self._workers))

        threads = [threading.Thread(target=look, args=(worker,), daemon=True) for worker in self._workers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join(_ANSWER_SECONDS)


def _ask_all(workers: Sequence[Worker], question: str, seconds: float) -> list[tuple[str, Any]]:
    with ThreadPoolExecutor(len(workers)) as pool:
        answers = pool.map(lambda worker: worker.ask(question, seconds), workers)
        return list(zip((worker.name for worker in workers), answers, strict=True))
