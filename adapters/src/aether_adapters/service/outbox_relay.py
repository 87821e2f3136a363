"""Outbox relay: sends events from a domain's outbox to Kafka, at least once and in order for each key."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from aether_adapters.kafka import metrics
from aether_adapters.kafka.envelope import headers_of
from aether_adapters.kafka.producer import Outgoing, Producer, Undelivered
from aether_adapters.kafka.stop import Stop
from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.sql.inbox import InboxCleaner
from aether_adapters.sql.lease import Lease
from aether_adapters.sql.lease_keeper import LeaseKeeper
from aether_adapters.sql.outbox import OutboxReader, OutboxRow

_LOG = structlog.get_logger("aether.relay")

_MEASURE_EVERY_SECONDS: Final = 5.0
_PRUNE_EVERY_SECONDS: Final = 60.0
_PRUNE_ROWS: Final = 1000
_LONGEST_PAUSE_SECONDS: Final = 30.0
_GATHERING_SECONDS: Final = 0.05
_STANDBY_SECONDS: Final = 1.0
_CONFIRM_SECONDS: Final = 7.5
"""Time for Kafka to confirm a batch; connecting alone takes half a second."""


class Relay:
    """Sends the unsent events of an outbox and marks them as sent; of several relays only the lease holder works.

    An event is marked only after Kafka has confirmed it, so a crash in between sends it twice but never loses it.
    If an event cannot be sent, later events of its key wait while other keys go on. While the broker or the database
    is away, the relay waits and tries again.

    `poll` is the longest pause in seconds while the outbox is empty; `wake` ends it early. `again` is the pause in
    seconds of a key whose event was refused. Sent events are deleted after `keep`, rows of `inbox` after `inbox_keep`,
    by this relay alone.

    The lease's term bounds how long events wait after the holder was killed. It may be short: it is renewed while a batch
    is on its way, and if it lapses then, because the holder or its database was stopped, two relays send the same events
    for a moment. Each sends those of a key in order, so consumers that pass over what they have seen keep the order.
    """

    def __init__(
        self,
        outbox: OutboxReader,
        producer: Producer,
        lease: Lease,
        *,
        batch: int = 1000,
        poll: float = 0.5,
        again: float = 10.0,
        keep: timedelta = timedelta(days=7),
        inbox: InboxCleaner | None = None,
        inbox_keep: timedelta = timedelta(days=30),
    ) -> None:
        self._outbox = outbox
        self._producer = producer
        self._lease = lease
        self._keeper = LeaseKeeper(lease, self.wake)
        self._batch = min(batch, producer.queue)
        self._poll = poll
        self._keep = keep
        self._inbox = inbox
        self._inbox_keep = inbox_keep
        self._wake = threading.Event()
        self._stuck = _Stuck(again)
        self._measure_at = self._prune_at = 0.0

    def wake(self) -> None:
        """Read the outbox now; call this from any thread, after a commit that wrote events."""
        self._wake.set()

    def run(self, stop: Stop) -> None:
        """Relay until `stop` is set, then release the lease."""
        pause = 0.0
        self._keeper.start()
        try:
            while not stop.is_set():
                self._keeper.beat()
                try:
                    pause = self._turn(pause)
                except TechnicalError as error:
                    pause = self._longer(pause, _LONGEST_PAUSE_SECONDS)
                    _LOG.warning("the outbox cannot be read", relay=self._lease.name, reason=error.reason)
                if self._wait(pause, stop):
                    pause = 0.0
        finally:
            self._leave()

    def _turn(self, pause: float) -> float:
        """Relay one batch if this relay leads; return the pause in seconds before the next turn."""
        leading = self._lease.held
        metrics.LEADING.labels(self._lease.name).set(leading)
        if not leading:
            return _STANDBY_SECONDS  # or until the keeper has the lease
        self._housekeeping()
        sent, failed = self.relay_once()
        if failed:
            return self._longer(pause, _LONGEST_PAUSE_SECONDS)
        if sent == self._batch:
            return 0.0
        # A turn costs the same for one event as for many, so let some gather.
        return _GATHERING_SECONDS if sent else self._longer(pause, self._poll)

    def relay_once(self) -> tuple[int, int]:
        """Send one batch while holding the lease; return how many events were sent and how many failed.

        Raises `TechnicalError` while the database is away.
        """
        rows = self._stuck.let_pass(self._outbox.unsent(self._batch + self._stuck.waiting))
        if not rows:
            return 0, 0
        failures = self._deliver(rows[: self._batch], _CONFIRM_SECONDS)
        sent = [row.id for row, failure in zip(rows, failures, strict=False) if failure is None]
        self._outbox.mark_sent(sent)
        metrics.SENT.labels(self._lease.name).inc(len(sent))
        return len(sent), len(failures) - len(sent)

    def _deliver(self, rows: Sequence[OutboxRow], seconds: float) -> list[Undelivered | None]:
        give_up = time.monotonic() + seconds
        failures = self._producer.deliver_as(_message, rows, seconds)
        if not any(failures):
            return failures
        if any(failure is not None and failure.refused for failure in failures):
            # A refused event fails the whole batch that it was sent in; sent alone it fails alone.
            self._one_by_one(rows, failures, give_up)
        first = next((failure for failure in failures if failure is not None), None)
        if first is not None:
            count = sum(failure is not None for failure in failures)
            metrics.FAILED.labels(self._lease.name).inc(count)
            _LOG.warning("events could not be sent", relay=self._lease.name, count=count, reason=str(first))
        return failures

    def _one_by_one(
        self, rows: Sequence[OutboxRow], failures: list[Undelivered | None], give_up: float
    ) -> None:
        for index, row in enumerate(rows):
            if failures[index] is None or self._stuck.holds(row):
                continue
            left = give_up - time.monotonic()
            if left <= 0:
                break
            (failures[index],) = self._producer.deliver_as(_message, [row], left)
            failure = failures[index]
            if failure is not None and not failure.refused:
                break  # the broker is away: each further event would wait for it too
            if failure is not None:
                self._stuck.add(row)
                _LOG.error(
                    "an event is refused; its key waits",
                    relay=self._lease.name,
                    event_id=row.event_id,
                    key=row.key,
                    topic=row.topic,
                    reason=str(failure),
                )

    def _housekeeping(self) -> None:
        now = time.monotonic()
        if now >= self._measure_at:
            self._measure_at = now + _MEASURE_EVERY_SECONDS
            backlog = self._outbox.backlog()
            age = (datetime.now(UTC) - backlog.oldest).total_seconds() if backlog.oldest else 0.0
            metrics.WAITING.labels(self._lease.name).set(backlog.count)
            metrics.AGE.labels(self._lease.name).set(max(age, 0.0))
        if now >= self._prune_at:
            more = self._outbox.prune(self._keep, _PRUNE_ROWS) == _PRUNE_ROWS
            if self._inbox is not None:
                more |= self._inbox.prune(self._inbox_keep, _PRUNE_ROWS) == _PRUNE_ROWS
            self._prune_at = now if more else now + _PRUNE_EVERY_SECONDS

    def _wait(self, seconds: float, stop: Stop) -> bool:
        """Pause for `seconds`; return True if `wake` ended the pause."""
        give_up = time.monotonic() + seconds
        while not stop.is_set() and (left := give_up - time.monotonic()) > 0:
            if self._wake.wait(min(left, 0.2)):
                self._wake.clear()
                return True
        return False

    @staticmethod
    def _longer(pause: float, most: float) -> float:
        return min(max(pause * 2, 0.01), most)

    def _leave(self) -> None:
        metrics.LEADING.labels(self._lease.name).set(0)
        self._producer.close()
        try:
            self._keeper.stop()
        except TechnicalError as error:
            _LOG.warning("the lease runs out by itself", relay=self._lease.name, reason=error.reason)


def _message(row: OutboxRow) -> Outgoing:
    headers = headers_of(row.event_id, row.type, row.source, row.occurred_at, row.more_headers)
    return row.topic, row.key, row.payload, headers


class _Stuck:
    """Keys whose next event the broker refused, and when to try each again."""

    def __init__(self, again: float) -> None:
        self._again = again
        self._until: dict[tuple[str, str], float] = {}
        self.waiting = 0
        """Rows skipped by the last read; the next read fetches as many more."""

    def add(self, row: OutboxRow) -> None:
        self._until[row.topic, row.key] = time.monotonic() + self._again

    def holds(self, row: OutboxRow) -> bool:
        return (row.topic, row.key) in self._until

    def let_pass(self, rows: list[OutboxRow]) -> list[OutboxRow]:
        """Return the rows whose key is not stuck."""
        if self._until:
            now = time.monotonic()
            self._until = {key: until for key, until in self._until.items() if until > now}
        passing = [row for row in rows if not self.holds(row)] if self._until else rows
        self.waiting = len(rows) - len(passing)
        return passing
