"""The threads that answer calls, and how many calls may wait for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CallPool(ThreadPoolExecutor):
    """A thread pool that knows its load: calls running and waiting."""

    def __init__(self, threads: int, queue: int) -> None:
        super().__init__(max_workers=threads, thread_name_prefix="grpc")
        self._capacity = threads + queue
        self._load = 0
        self._guard = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether one more call would wait behind a full queue."""
        return self._load >= self._capacity

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As `ThreadPoolExecutor.submit`; never refuses, because who asked `full` decides."""
        with self._guard:
            self._load += 1
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[Any]) -> None:
        with self._guard:
            self._load -= 1
