"""Issues ids from a block of 4096 for each millisecond, without a lock."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from aether_adapters.ids.format import EPOCH_MS, LAST_MS, MILLISECOND_SHIFT, SEQUENCES, WORKER_SHIFT
from aether_adapters.kernel.errors import Unavailable

_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Term:
    """The right to issue ids as `worker` until `until_ns` on the monotonic clock.

    `anchor_ns` corresponds to millisecond `anchor_ms` since the epoch. From there time follows the monotonic
    clock, so a change of the wall clock has no effect before the next term.
    """

    worker: int
    anchor_ms: int
    anchor_ns: int
    until_ns: int


class WorkerNumber(Protocol):
    """Source of a worker number."""

    @property
    def term(self) -> Term:
        """The current term, which may have ended. Raises `Unavailable` or `Exhausted` if there is none."""
        ...


class FixedWorker:
    """A worker number without a lease, for tests and for tools that are the only process. It never lapses."""

    def __init__(self, worker: int = 0, *, wall: Callable[[], float] = time.time) -> None:
        self.term = Term(worker, int(wall() * 1000) - EPOCH_MS, time.monotonic_ns(), 1 << 63)


class Snowflakes:
    """Issues unique ids, each larger than the last one of the same thread.

    Thread-safe. `clock` is monotonic, in nanoseconds.
    """

    __slots__ = ("__weakref__", "_block", "_clock", "_fresh_until", "_last_ms", "_lease", "_lock")

    def __init__(self, lease: WorkerNumber, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._lease = lease
        self._clock = clock
        self._lock = threading.Lock()
        self._last_ms = -1
        self._block: Iterator[int] = iter(())
        self._fresh_until = 0
        _ISSUERS.add(self)

    def next(self) -> int:
        """Return one id. Waits for the next millisecond once 4096 are used.

        Raises `Unavailable` if the worker's lease has lapsed, and the lease's errors if there is none.
        """
        # Advancing the iterator is atomic in the interpreter, so no two threads get the same id. A thread
        # delayed after the comparison takes an id from a block reserved for this worker: late, but unique.
        if self._clock() < self._fresh_until:
            for snowflake in self._block:
                return snowflake
        return self._reserve(1)[0]

    def take(self, count: int) -> list[int]:
        """Return `count` ids in ascending order. Raises as `next`."""
        taken: list[int] = []
        while len(taken) < count:
            if self._clock() < self._fresh_until:
                taken += islice(self._block, count - len(taken))
            if len(taken) < count:
                taken += self._reserve(count - len(taken))
        return taken

    def _reserve(self, count: int) -> list[int]:
        """Return 1 to `count` ids from the current block or a new one."""
        with self._lock:
            while True:
                now = self._clock()
                if now < self._fresh_until and (taken := list(islice(self._block, count))):
                    return taken
                term = self._lease.term
                if now >= term.until_ns:
                    raise Unavailable(
                        "The lease of this process's worker number has lapsed.", retry_after=1.0
                    )
                elapsed, into = divmod(now - term.anchor_ns, _NS_PER_MS)
                millisecond = term.anchor_ms + elapsed
                if millisecond > self._last_ms:
                    self._open(term, millisecond, now - into + _NS_PER_MS)
                else:
                    time.sleep((_NS_PER_MS - into) / 1e9)

    def _open(self, term: Term, millisecond: int, ends_ns: int) -> None:
        if millisecond > LAST_MS:
            raise OverflowError("The 41 bits of milliseconds are used up.")
        first = millisecond << MILLISECOND_SHIFT | term.worker << WORKER_SHIFT
        self._last_ms = millisecond
        self._fresh_until = 0
        self._block = iter(range(first, first + SEQUENCES))
        self._fresh_until = min(ends_ns, term.until_ns)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._block = iter(())
        self._fresh_until = 0


_ISSUERS: Final[weakref.WeakSet[Snowflakes]] = weakref.WeakSet()


def _forget_blocks() -> None:
    for issuer in _ISSUERS:
        issuer._forget()


# A forked child holds a copy of its parent's block, and would issue the same ids.
os.register_at_fork(after_in_child=_forget_blocks)
