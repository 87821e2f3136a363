"""Broadcast consumer: every process reads all events of a topic, without a consumer group."""

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
    """Passes the events of `topic` to `handlers` by type, beginning `since` seconds before the start.

    For state in memory. Handlers must be idempotent. An event whose handler raises is logged and skipped,
    because it cannot be put back. Events sent while Kafka is unreachable are read later.
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
            "group.id": f"broadcast-{uuid4()}",  # the client requires one; no group is joined
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
        """Set once every event that was in the topic at the start has been handled."""

    def run(self, stop: Stop) -> None:
        """Read until `stop` is set."""
        begin = time.time() - self._since
        client = Client(self._settings, logger=LIBRARY_LOG)
        look_at = 0.0
        try:
            while not stop.is_set():
                if time.monotonic() >= look_at:
                    found = self._assign_new_partitions(client, begin)
                    look_at = time.monotonic() + (
                        _LOOKUP_INTERVAL_SECONDS if found else _FIRST_LOOKUP_INTERVAL_SECONDS
                    )
                message = client.poll(_POLL_SECONDS)
                if message is not None and message.error() is None:
                    self._handle(message)
        finally:
            # With the broker down `close` takes long; see Consumer._leave.
            closing = threading.Thread(target=client.close, name="leave-broadcast", daemon=True)
            closing.start()
            closing.join(_CLOSE_TIMEOUT_SECONDS)

    def _assign_new_partitions(self, client: Client, begin: float) -> bool:
        """Start reading new partitions; return whether any partition is known."""
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
        self._known.update(start.partition for start in new)
        if self._known and not self._missing:
            self.caught_up.set()
        return bool(self._known)

    def _start(self, client: Client, partition: int, begin: float) -> TopicPartition:
        start = TopicPartition(self._topic, partition, int(begin * 1000))
        # Ask for the end first, so that events between the two requests are read, not skipped.
        low, high = client.get_watermark_offsets(start, timeout=_LOOKUP_TIMEOUT_SECONDS)
        (found,) = client.offsets_for_times([start], timeout=_LOOKUP_TIMEOUT_SECONDS)
        offset = found.offset
        if offset < 0:
            # No event is newer, or the broker (librdkafka's mock) knows no times: then read all of a short
            # topic.
            offset = low if high - low <= _MAX_REPLAY_RECORDS else high
        if offset < high:
            self._missing[partition] = high
        return TopicPartition(self._topic, partition, offset)

    def _handle(self, message: Message) -> None:
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
