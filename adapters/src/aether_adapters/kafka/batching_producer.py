"""Group commit for events: threads that send at the same time share one batch."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from aether_adapters.kafka.producer import Producer, Undelivered
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.events import OutgoingEvent

_SEND_TIMEOUT_SECONDS: Final = 10.0
_MAX_BATCH_EVENTS: Final = 1000


class BatchingProducer:
    """Sends the events of all waiting threads in one batch; each caller waits for its own event. Thread-safe.

    A `Producer` sends one batch at a time, so with one event per batch the callers' round trips would add up.
    """

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._sending = threading.Lock()
        self._queue: deque[_Waiting] = deque()

    def send(self, event: OutgoingEvent) -> None:
        """Send `event` and wait until all in-sync replicas have it, at most 10 s or until the deadline.

        Raises `Unavailable` or `DeadlineExceeded`; the event may still arrive.
        """
        waiting = _Waiting(event)
        self._queue.append(waiting)
        if self._sending.acquire(timeout=remaining(_SEND_TIMEOUT_SECONDS)):
            try:
                while not waiting.done:
                    self._send_some()
            finally:
                self._sending.release()
        else:
            self._withdraw(waiting)
        if not waiting.done:
            raise DeadlineExceeded("The event was not sent before the deadline.")
        if waiting.failure is not None:
            raise Unavailable(
                f"The event did not reach Kafka: {waiting.failure}", retry_after=1.0
            ) from waiting.failure

    def _send_some(self) -> None:
        """Send the longest-waiting events, at most one batch."""
        batch = [self._queue.popleft() for _ in range(min(_MAX_BATCH_EVENTS, len(self._queue)))]
        try:
            outcomes = self._producer.deliver([one.event for one in batch], remaining(_SEND_TIMEOUT_SECONDS))
        except BaseException as error:
            for one in batch:
                one.settle(error)
            raise
        for one, outcome in zip(batch, outcomes, strict=True):
            one.settle(outcome)

    def _withdraw(self, waiting: _Waiting) -> None:
        try:
            self._queue.remove(waiting)
        except ValueError:
            return  # another thread sends it or has sent it


class _Waiting:
    """One event and its outcome."""

    __slots__ = ("done", "event", "failure")

    def __init__(self, event: OutgoingEvent) -> None:
        self.event = event
        self.done = False
        self.failure: Undelivered | BaseException | None = None

    def settle(self, failure: Undelivered | BaseException | None) -> None:
        self.failure = failure
        self.done = True
