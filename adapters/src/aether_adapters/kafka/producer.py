"""Producer that reports the outcome of each event."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as Client

from aether_adapters.kafka.cluster import Cluster
from aether_adapters.kafka.envelope import Headers, to_headers
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.events import OutgoingEvent

LIBRARY_LOG: Final = logging.getLogger("aether.kafka.librdkafka")
_NO_OPTIONS: Final[Mapping[str, object]] = MappingProxyType({})
_DELIVERY_TIMEOUT_SECONDS: Final = 10.0
_MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""The broker and its topics decide what is too large; librdkafka's own limit is lower than a broker's default."""
T = TypeVar("T")
Outgoing = tuple[str, str | bytes | None, bytes | None, Headers]
"""A message as topic, key, value and headers."""

_POLL_INTERVAL_SECONDS: Final = 0.1
_FINAL_POLLS: Final = 50
_RETRIABLE: Final = frozenset(
    {
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
    }
)


_UNFIT: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,  # such as one without a key, in a compacted topic
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        KafkaError._INVALID_ARG,
    }
)
"""Refusals of this message, whenever it is sent; others are of the topic, or of this service's user."""


class Undelivered(Exception):
    """Kafka did not confirm an event; `refused` if the broker rejected it for good, else it was unreachable.

    `unfit` if it was rejected for what it is: too large, or against the topic's rules.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.refused = code not in _RETRIABLE
        self.unfit = code in _UNFIT


class Producer:
    """Idempotent producer: in order, acknowledged by all in-sync replicas, with a bounded queue. Thread-safe.

    A message stays in the library only as long as its caller waits: the library's own timeout would drop one
    message and still send the next one of its key. For the same reason a rejected message stops those behind
    it (`enable.gapless.guarantee`), and the client is recreated. `options` are librdkafka's and override the
    kit's.
    """

    def __init__(
        self, cluster: Cluster | str, *, queue: int = 10_000, options: Mapping[str, object] = _NO_OPTIONS
    ) -> None:
        self.queue = queue
        self._settings: dict[str, object] = {
            **Cluster.of(cluster).options(),
            "acks": "all",
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "message.timeout.ms": 0,
            "delivery.report.only.error": True,
            "queue.buffering.max.messages": queue,
            "message.max.bytes": _MAX_MESSAGE_BYTES,
            "linger.ms": 1,
            "compression.type": "lz4",
            "reconnect.backoff.max.ms": 1000,
            "log_level": 3,  # errors; lower levels warn about these settings
            "partitioner": "murmur2_random",  # as in the Java clients, so that all clients agree on a key's partition
            **options,
        }
        self._lock = threading.Lock()
        self._client: Client | None = None

    def send(self, *events: OutgoingEvent) -> None:
        """Send `events` in order and wait until all are confirmed, at most 10 s or until the deadline.

        Raises `Unavailable` or `DeadlineExceeded`; some events may have been delivered, and no other will be
        later.
        """
        seconds = remaining(_DELIVERY_TIMEOUT_SECONDS)
        failed = [failure for failure in self.deliver(events, seconds) if failure is not None]
        if failed:
            reason = f"{len(failed)} of {len(events)} events did not reach Kafka: {failed[0]}"
            raise (DeadlineExceeded if seconds < _DELIVERY_TIMEOUT_SECONDS else Unavailable)(reason)

    def deliver(self, events: Sequence[OutgoingEvent], seconds: float) -> list[Undelivered | None]:
        """Send `events` in order; return the outcome of each within `seconds`, None if confirmed.

        Afterwards none is still being sent, but an unconfirmed event may have arrived. For each key the
        confirmed events come first.
        """
        return self.deliver_as(_message, events, seconds)

    def deliver_raw(self, messages: Sequence[Outgoing], seconds: float) -> list[Undelivered | None]:
        """Like `deliver`, for messages as (topic, key, value, headers)."""
        return self._deliver(iter(messages), len(messages), seconds)

    def deliver_as(
        self, message: Callable[[T], Outgoing], items: Sequence[T], seconds: float
    ) -> list[Undelivered | None]:
        """Like `deliver`, for items that `message` converts."""
        # An iterator, so that the library sends the first message while the next are converted.
        return self._deliver(map(message, items), len(items), seconds)

    def _deliver(self, messages: Iterator[Outgoing], count: int, seconds: float) -> list[Undelivered | None]:
        delivery = _Delivery(count)
        give_up = time.monotonic() + seconds
        with self._lock:
            client = self._client = self._client or Client(self._settings, logger=LIBRARY_LOG)
            for index, (topic, key, value, headers) in enumerate(messages):
                report = partial(delivery.on_failure, index)
                try:
                    client.produce(topic, value, key, on_delivery=report, headers=headers)
                except (BufferError, KafkaException) as error:
                    delivery.on_refusal(index, error)
                    break
            while len(client) and not delivery.broken and (left := give_up - time.monotonic()) > 0:
                delivery.collect(client, min(left, _POLL_INTERVAL_SECONDS))
            if len(client):
                client.purge()  # the caller is told that these failed, so they must not be sent later
                delivery.collect_purged(client)
            if delivery.broken:
                self._client = None
        return delivery.outcomes

    def close(self) -> None:
        """Drop the connection; no message waits in it."""
        with self._lock:
            self._client = None


def _message(event: OutgoingEvent) -> Outgoing:
    return event.topic, event.key, event.payload, to_headers(event)


class _Delivery:
    """Outcomes of a batch; `broken` if the client must be recreated: a message was rejected or is unaccounted for."""

    __slots__ = ("broken", "outcomes")

    def __init__(self, count: int) -> None:
        self.outcomes: list[Undelivered | None] = [None] * count
        self.broken = False

    def collect(self, client: Client, seconds: float) -> None:
        """Collect delivery reports for at most `seconds`."""
        try:
            client.flush(seconds)
        except KafkaException:
            self.broken = True  # fatal for the client; each message gets its own report

    def collect_purged(self, client: Client) -> None:
        """Collect the reports of all purged messages."""
        for _ in range(_FINAL_POLLS):
            if not len(client):
                return
            self.collect(client, _POLL_INTERVAL_SECONDS)
        # Never observed, but no report means delivered, so a missing report must count as failed.
        unknown = Undelivered(KafkaError._PURGE_INFLIGHT, "The client did not report the outcome.")
        self.outcomes = [outcome or unknown for outcome in self.outcomes]
        self.broken = True

    def on_failure(self, index: int, error: KafkaError, _: object) -> None:
        """Record that a message was not delivered."""
        # A message that never left the queue leaves no gap, so the client, which is slow to start, is kept.
        self.broken = self.broken or error.code() != KafkaError._PURGE_QUEUE
        self.outcomes[index] = Undelivered(error.code(), error.str())

    def on_refusal(self, index: int, error: BufferError | KafkaException) -> None:
        """Record that the queue refused a message; later ones are not tried, which keeps the order of each key."""
        if isinstance(error, KafkaException):
            self.outcomes[index] = Undelivered(error.args[0].code(), error.args[0].str())
        else:
            self.outcomes[index] = Undelivered(KafkaError._PURGE_QUEUE, "The producer's queue is full.")
        for behind in range(index + 1, len(self.outcomes)):
            self.outcomes[behind] = Undelivered(KafkaError._PURGE_QUEUE, "An earlier event was not sent.")
