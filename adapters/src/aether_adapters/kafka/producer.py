"""Sends events to Kafka and knows what became of each."""

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

from aether_adapters.kafka.envelope import Headers, to_headers
from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.events import OutgoingEvent

LIBRARY_LOG: Final = logging.getLogger("aether.kafka.librdkafka")
_NONE: Final[Mapping[str, object]] = MappingProxyType({})
_DELIVERY_TIMEOUT_SECONDS: Final = 10.0
T = TypeVar("T")
Outgoing = tuple[str, str | bytes | None, bytes | None, Headers]
"""A message as topic, key, value and headers."""

_POLL_INTERVAL_SECONDS: Final = 0.1
_FINAL_POLLS: Final = 50
_AWAY: Final = frozenset(
    {
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
    }
)


class Undelivered(Exception):
    """An event that Kafka did not confirm. `refused`: the broker said no, and will again; else it is away."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.refused = code not in _AWAY


class Producer:
    """An idempotent producer: confirmed by all replicas in sync, in order, with a bounded queue. Thread-safe.

    A message waits in the library for as long as its caller does and no longer: a timeout of the library's
    own would drop one message and still send the next one of its key. For the same reason a refused message
    stops those behind it (`enable.gapless.guarantee`), and then the client is made anew.
    `options` are librdkafka's, and win over the kit's.
    """

    def __init__(self, bootstrap: str, *, queue: int = 10_000, options: Mapping[str, object] = _NONE) -> None:
        self.queue = queue
        self._settings: dict[str, object] = {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "message.timeout.ms": 0,
            "delivery.report.only.error": True,
            "queue.buffering.max.messages": queue,
            "linger.ms": 1,
            "compression.type": "lz4",
            "reconnect.backoff.max.ms": 1000,
            "log_level": 3,  # errors; below that it warns of its own settings
            "partitioner": "murmur2_random",  # the Java clients' choice, so that a key's partition is everybody's
            **options,
        }
        self._lock = threading.Lock()
        self._client: Client | None = None

    def send(self, *events: OutgoingEvent) -> None:
        """Send `events` in order and wait until all are confirmed, 10 s or what is left of the deadline.

        Raises `Unavailable` or `DeadlineExceeded`; some may have been delivered then, and none will be later.
        """
        seconds = remaining(_DELIVERY_TIMEOUT_SECONDS)
        failed = [failure for failure in self.deliver(events, seconds) if failure is not None]
        if failed:
            reason = f"{len(failed)} of {len(events)} events did not reach Kafka: {failed[0]}"
            raise (DeadlineExceeded if seconds < _DELIVERY_TIMEOUT_SECONDS else Unavailable)(reason)

    def deliver(self, events: Sequence[OutgoingEvent], seconds: float) -> list[Undelivered | None]:
        """Send `events` in order; what became of each within `seconds`, `None` for confirmed.

        When it returns, nothing of them is on its way any more, but one that was not confirmed may have
        arrived. Within a key the confirmed ones come first.
        """
        return self.deliver_as(_message, events, seconds)

    def deliver_raw(self, messages: Sequence[Outgoing], seconds: float) -> list[Undelivered | None]:
        """As `deliver`, for messages as (topic, key, value, headers)."""
        return self._deliver(iter(messages), len(messages), seconds)

    def deliver_as(
        self, message: Callable[[T], Outgoing], items: Sequence[T], seconds: float
    ) -> list[Undelivered | None]:
        """As `deliver`, for whatever `message` makes one of."""
        # One by one, not a list of them: the library sends the first while the next are still put together.
        return self._deliver(map(message, items), len(items), seconds)

    def _deliver(self, messages: Iterator[Outgoing], count: int, seconds: float) -> list[Undelivered | None]:
        delivery = _Delivery(count)
        give_up = time.monotonic() + seconds
        with self._lock:
            client = self._client = self._client or Client(self._settings, logger=LIBRARY_LOG)
            for index, (topic, key, value, headers) in enumerate(messages):
                heard = partial(delivery.heard, index)
                try:
                    client.produce(topic, value, key, on_delivery=heard, headers=headers)
                except (BufferError, KafkaException) as error:
                    delivery.not_taken(index, error)
                    break
            while len(client) and not delivery.broken and (left := give_up - time.monotonic()) > 0:
                delivery.listen(client, min(left, _POLL_INTERVAL_SECONDS))
            if len(client):
                client.purge()  # what is still here must not leave after its caller was told that it did not
                delivery.listen_to_the_end(client)
            if delivery.broken:
                self._client = None
        return delivery.outcomes

    def close(self) -> None:
        """Let the connection go; nothing waits in it."""
        with self._lock:
            self._client = None


def _message(event: OutgoingEvent) -> Outgoing:
    return event.topic, event.key, event.payload, to_headers(event)


class _Delivery:
    """What became of each message of a batch; `broken` once one was refused or was lost sight of on its way."""

    __slots__ = ("broken", "outcomes")

    def __init__(self, count: int) -> None:
        self.outcomes: list[Undelivered | None] = [None] * count
        self.broken = False

    def listen(self, client: Client, seconds: float) -> None:
        """Hear what has become of messages, for at most `seconds`."""
        try:
            client.flush(seconds)
        except KafkaException:
            self.broken = True  # a fatal error of the client; what it means for each message is heard next

    def listen_to_the_end(self, client: Client) -> None:
        """Hear of every message that was purged."""
        for _ in range(_FINAL_POLLS):
            if not len(client):
                return
            self.listen(client, _POLL_INTERVAL_SECONDS)
        # Never seen; but silence means delivered, so it must not be taken for it.
        unheard = Undelivered(KafkaError._PURGE_INFLIGHT, "The client does not say what became of it.")
        self.outcomes = [outcome or unheard for outcome in self.outcomes]
        self.broken = True

    def heard(self, index: int, error: KafkaError, _: object) -> None:
        """Kafka, or the library, says that a message was not delivered."""
        # One that never left the queue leaves no gap, and the client, slow to start, is kept.
        self.broken = self.broken or error.code() != KafkaError._PURGE_QUEUE
        self.outcomes[index] = Undelivered(error.code(), error.str())

    def not_taken(self, index: int, error: BufferError | KafkaException) -> None:
        """The message at `index` was not taken; those behind it are not tried, so that no key loses its order."""
        if isinstance(error, KafkaException):
            self.outcomes[index] = Undelivered(error.args[0].code(), error.args[0].str())
        else:
            self.outcomes[index] = Undelivered(KafkaError._PURGE_QUEUE, "The producer's queue is full.")
        for behind in range(index + 1, len(self.outcomes)):
            self.outcomes[behind] = Undelivered(KafkaError._PURGE_QUEUE, "It waits for an event before it.")
