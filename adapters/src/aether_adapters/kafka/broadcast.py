"""Events that every process must hear, not one of a group: each reads all partitions, and commits nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

import structlog
from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaException, Message, TopicPartition

from aether_adapters.kafka.envelope import from_record, received
from aether_adapters.kafka.producer import LIBRARY_LOG
from aether_adapters.kafka.stop import Stop
from aether_adapters.kernel.events import IncomingEvent

_LOG: Final = structlog.get_logger("aether.broadcast")
_POLL_SECONDS: Final = 0.1
_LOOKUP_TIMEOUT_SECONDS: Final = 2.0
_FIRST_LOOKUP_INTERVAL_SECONDS: Final = 0.5
_LOOKUP_INTERVAL_SECONDS: Final = 30.0
_MAX_REPLAY_RECORDS: Final = 10_000
_CLOSE_TIMEOUT_SECONDS: Final = 3.0


class Broadcast:
    """Hands the events of `topic` to `handlers`, by their type, from `since` seconds before the start on.

    For what is kept in memory: handlers must bear to see an event twice, and one that raises is logged and passed
    over, because nobody can put the message back. While Kafka is away nothing is heard; it is made up for later.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        handlers: Mapping[str, Callable[[IncomingEvent], None]],
        *,
        since: float,
    ) -> None:
        self._topic = topic
        self._handlers = dict(handlers)
        self._since = since
        self._settings: dict[str, object] = {
            "bootstrap.servers": bootstrap,
            "group.id": f"broadcast-{uuid4()}",  # the client asks for one; nobody joins it
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": True,
            "reconnect.backoff.max.ms": 1000,
            "fetch.wait.max.ms": 100,
            "log_level": 3,
        }
        self._missing: dict[int, int] = {}
        self._known: set[int] = set()
        self.caught_up = threading.Event()
        """Set once everything that was in the topic at the start has been handled."""

    def run(self, stop: Stop) -> None:
        """Listen until `stop` is set."""
        begin = time.time() - self._since
        client = Client(self._settings, logger=LIBRARY_LOG)
        look_at = 0.0
        try:
            while not stop.is_set():
                if time.monotonic() >= look_at:
                    found = self._look(client, begin)
                    look_at = time.monotonic() + (
                        _LOOKUP_INTERVAL_SECONDS if found else _FIRST_LOOKUP_INTERVAL_SECONDS
                    )
                message = client.poll(_POLL_SECONDS)
                if message is not None and message.error() is None:
                    self._hear(message)
        finally:
            # Where the broker is away the client goes on looking for it for long; see Consumer.
            closing = threading.Thread(target=client.close, name="leave-broadcast", daemon=True)
            closing.start()
            closing.join(_CLOSE_TIMEOUT_SECONDS)

    def _look(self, client: Client, begin: float) -> bool:
        """Begin to read the partitions that are new; whether any is known."""
        try:
            topic = client.list_topics(self._topic, timeout=_LOOKUP_TIMEOUT_SECONDS).topics[self._topic]
            new = [
                self._start(client, number, begin) for number in topic.partitions if number not in self._known
            ]
            if new:
                client.incremental_assign(new)
        except KafkaException as error:
            _LOG.warning("Kafka is in trouble", topic=self._topic, reason=str(error.args[0]))
            return bool(self._known)
        self._known.update(place.partition for place in new)
        if self._known and not self._missing:
            self.caught_up.set()
        return bool(self._known)

    def _start(self, client: Client, partition: int, begin: float) -> TopicPartition:
        place = TopicPartition(self._topic, partition, int(begin * 1000))
        # The end first: what comes between the two questions is then read, not passed over.
        low, high = client.get_watermark_offsets(place, timeout=_LOOKUP_TIMEOUT_SECONDS)
        (found,) = client.offsets_for_times([place], timeout=_LOOKUP_TIMEOUT_SECONDS)
        offset = found.offset
        if offset < 0:
            # Nothing is younger; or the broker knows no times, as librdkafka's mock: then all of a short topic.
            offset = low if high - low <= _MAX_REPLAY_RECORDS else high
        if offset < high:
            self._missing[partition] = high
        return TopicPartition(self._topic, partition, offset)

    def _hear(self, message: Message) -> None:
        record = received(message)
        try:
            event = from_record(record)
            handler = self._handlers.get(event.type)
            if handler is not None:
                handler(event)
        except Exception as error:
            _LOG.error("event passed over", topic=record.topic, offset=record.offset, exc_info=error)
        if record.offset + 1 >= self._missing.get(record.partition, 0):
            self._missing.pop(record.partition, None)
            if not self._missing:
                self.caught_up.set()
