"""Threads for synchronous calls, as many as a `Limiter` allows at the moment."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable
from queue import Empty, SimpleQueue
from random import uniform
from time import monotonic, thread_time
from typing import Final, Protocol

from aether_adapters.kernel.concurrency import Limiter
from aether_adapters.kernel.criticality import Criticality
from aether_adapters.kernel.errors import Exhausted
from aether_adapters.kernel.pulse import PULSE, Pulse

_IDLE_SECONDS: Final = 10.0
"""A thread ends when it has had nothing to do for so long."""
_RETRY_SECONDS: Final = (0.5, 1.5)


class Overloaded(Exhausted):
    """The process has no time for a call. Its delay is random, so that the refused do not return all at once."""

    def __init__(self) -> None:
        super().__init__(
            "The service is at its limit; try again shortly.",
            retry_after=round(uniform(*_RETRY_SECONDS), 3),  # noqa: S311 # spreads load, hides nothing
        )


class Job(Protocol):
    """A call for a thread of a pool."""

    @property
    def operation(self) -> Hashable:
        """What it calls; the pool learns how long each operation usually takes."""
        ...

    def run(self, waited: float) -> bool:
        """Do the work, after it `waited` seconds for a thread; must not raise. Return whether there was work to do."""
        ...

    def done(self) -> None:
        """Hear that the pool has counted the job as ended; must not raise."""
        ...


class WorkPool:
    """Runs jobs in at most `limiter.most` threads, which start when needed and end when idle. Thread-safe."""

    def __init__(self, name: str, limiter: Limiter, *, led: bool = False, pulse: Pulse = PULSE) -> None:
        """A `led` pool starts no waiting job when another one ends, but only when its owner calls `advance`."""
        self._name = name
        self._led = led
        self._limiter = limiter
        self._pulse = pulse
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Job, float]] = deque()
        self._begun: SimpleQueue[tuple[Job, float] | None] = SimpleQueue()
        """Jobs that may run at once: there is, or starts, an idle thread for each."""
        self._threads: set[threading.Thread] = set()
        self._number = 0
        self._stopping = False
        pulse.join(self)

    @property
    def busy(self) -> bool:
        """Whether any job waits or runs."""
        return self.pending > 0

    @property
    def pending(self) -> int:
        """How many jobs wait or run."""
        return self._limiter.running + self._limiter.waiting

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def admits(self, criticality: Criticality, ahead: int = 0) -> bool:
        """Whether the pool would take a job after `ahead` others. Cheap, so that whatever leads to a job can be saved too."""
        return self._limiter.admits(criticality, monotonic(), ahead)

    def submit(self, job: Job, criticality: Criticality) -> bool:
        """Run a job soon. Return False, and do nothing, if there is no room for it or the pool stops."""
        now = monotonic()
        with self._lock:
            if self._stopping or not self._limiter.admits(criticality, now):
                return False
            if self._limiter.enter(now):
                self._start((job, now))
            else:
                self._waiting.append((job, now))
        if not self._pulse.beats:
            self._pulse.wake()
        return True

    def advance(self) -> None:
        """Start the waiting jobs that may start."""
        if self._limiter.waiting:
            with self._lock:
                while self._limiter.next_may_start():
                    self._start(self._waiting.popleft())

    def tick(self, lag: float, cpu_share: float, seconds: float) -> None:
        """Adapt the number of threads; the pulse calls this."""
        with self._lock:
            self._limiter.tick(lag, cpu_share, seconds)
        self.advance()

    def stop(self) -> None:
        """Take no more jobs, and end the threads once those taken have run."""
        with self._lock:
            if not self._stopping:
                self._stopping = True
                for _ in range(len(self._threads) - self._limiter.running):
                    self._begun.put(None)

    def join(self, grace: float) -> bool:
        """Wait up to `grace` seconds for the threads to end after `stop`; return whether they have."""
        end = monotonic() + grace
        while self._threads and monotonic() < end:
            for thread in tuple(self._threads):
                thread.join(max(0.0, end - monotonic()))
        return not self._threads

    def _start(self, job: tuple[Job, float]) -> None:
        """Hand a job to an idle thread, or a new one; the caller holds the lock and has counted the job as running."""
        self._begun.put(job)
        if self._limiter.running > len(self._threads):
            self._number += 1
            thread = threading.Thread(target=self._work, name=f"{self._name}-{self._number}", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _work(self) -> None:
        try:
            while self._work_once():
                pass
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _work_once(self) -> bool:
        """Run a job and those that wait after it; return False once the thread is to end."""
        try:
            begun = self._begun.get(timeout=_IDLE_SECONDS)
        except Empty:
            with self._lock:
                if not self._begun.empty():
                    return True
                # Leave within the lock: whoever holds it next must not count on this thread.
                self._threads.discard(threading.current_thread())
                return False
        while begun is not None:
            job, since = begun
            started, cpu = monotonic(), thread_time()
            worked = job.run(started - since)
            seconds, cpu = monotonic() - started, thread_time() - cpu
            with self._lock:
                if worked:
                    self._limiter.finish(job.operation, seconds, cpu)
                else:
                    self._limiter.drop()
                led = self._led and not self._stopping
                begun = self._waiting.popleft() if not led and self._limiter.next_may_start() else None
                ends = begun is None and self._stopping
                if ends:
                    self._threads.discard(threading.current_thread())
            job.done()
            del job
            if ends:
                return False
        return not self._stopping
