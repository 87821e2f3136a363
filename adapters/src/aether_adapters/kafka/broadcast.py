"""Broadcast consumer: every process reads all events of a topic, without a consumer group."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

import structlog
from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from aether_adapters.kafka.cluster import Cluster
from aether_adapters.kafka.envelope import from_record, received
from aether_adapters.kafka.metrics import BEHIND
from aether_adapters.kafka.producer import LIBRARY_LOG
from aether_adapters.kafka.stop import Stop
from aether_adapters.kernel.events import IncomingEvent

_LOG: Final = structlog.get_logger("aether.broadcast")
_POLL_SECONDS: Final = 0.1
_LOOKUP_TIMEOUT_SECONDS: Final = 2.0
_FIRST_LOOKUP_INTERVAL_SECONDS: Final = 0.5
_LOOKUP_INTERVAL_SECONDS: Final = 5.0
_MAX_REPLAY_RECORDS: Final = 10_000
_CLOSE_TIMEOUT_SECONDS: Final = 3.0


class Broadcast:
    """Passes the events of `topic` to `handlers` by type, beginning `since_seconds` before the start.

    For state in memory. Handlers must be idempotent. An event whose handler raises is logged and skipped,
    because it cannot be put back. Events sent while Kafka is unreachable are read later; the metric
    `aether_broadcast_behind_seconds` says since when some may be missing.
    """

    def __init__(
        self,
        cluster: Cluster | str,
        topic: str,
        handlers: Mapping[str, Callable[[IncomingEvent], None]],
        *,
        since_seconds: float,
    ) -> None:
        self._topic = topic
        self._handlers = dict(handlers)
        self._since = since_seconds
        self._settings: dict[str, object] = {
            **Cluster.of(cluster).options(),
            "group.id": f"broadcast-{uuid4()}",  # the client requires one; no group is joined
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": True,
            "reconnect.backoff.max.ms": 1000,
            "fetch.wait.max.ms": 100,
            "log_level": 3,
        }
        self._read_to: dict[int, int] = {}
        """The next offset to read of each partition that is being read."""
        self._ends: Mapping[int, int] = {}
        """The ends of the partitions when they were last asked for, until they have been reached."""
        self._asked_at = 0.0
        self._complete_at = 0.0
        self.caught_up = threading.Event()
        """Set once every event that was in the topic at the start has been handled."""

    def run(self, stop: Stop) -> None:
        """Read until `stop` is set."""
        self._complete_at = begin = time.time()
        BEHIND.labels(self._topic).set_function(lambda: time.time() - self._complete_at)
        client = Client(self._settings, logger=LIBRARY_LOG)
        look_at = 0.0
        try:
            while not stop.is_set():
                if time.monotonic() >= look_at:
                    self._look(client, begin - self._since)
                    look_at = time.monotonic() + (
                        _LOOKUP_INTERVAL_SECONDS
                        if self.caught_up.is_set()
                        else _FIRST_LOOKUP_INTERVAL_SECONDS
                    )
                message = client.poll(_POLL_SECONDS)
                if message is not None:
                    self._take(message)
        finally:
            # With the broker down `close` takes long; see Consumer._leave.
            closing = threading.Thread(target=client.close, name="leave-broadcast", daemon=True)
            closing.start()
            closing.join(_CLOSE_TIMEOUT_SECONDS)

    def _look(self, client: Client, begin: float) -> None:
        """Start reading new partitions, and ask where all of them end now."""
        asked_at = time.time()
        try:
            topic = client.list_topics(self._topic, timeout=_LOOKUP_TIMEOUT_SECONDS).topics[self._topic]
            if topic.error is not None:
                raise KafkaException(topic.error)
            ends = {}
            for number in topic.partitions:
                partition = TopicPartition(self._topic, number)
                low, high = client.get_watermark_offsets(partition, timeout=_LOOKUP_TIMEOUT_SECONDS)
                ends[number] = high
                if number not in self._read_to:
                    # After the end is known, so that events between the two requests are read, not skipped.
                    partition.offset = self._start(client, number, begin, low, high)
                    client.incremental_assign([partition])
                    self._read_to[number] = partition.offset
        except KafkaException as error:
            _LOG.warning("Kafka is in trouble", topic=self._topic, reason=str(error.args[0]))
            return
        if not self._ends:  # or else wait for those of last time: the end of a busy topic moves on and on
            self._ends, self._asked_at = ends, asked_at
            self._compare()

    def _start(self, client: Client, number: int, begin: float, low: int, high: int) -> int:
        """Return the offset of the first event since `begin` (Unix seconds)."""
        at = TopicPartition(self._topic, number, int(begin * 1000))
        (found,) = client.offsets_for_times([at], timeout=_LOOKUP_TIMEOUT_SECONDS)
        # No event is newer, or the broker (librdkafka's mock) knows no times: then read the last ones.
        return found.offset if found.offset >= 0 else max(low, high - _MAX_REPLAY_RECORDS)

    def _take(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            _LOG.warning("Kafka is in trouble", topic=self._topic, reason=error.str())
        elif partition is not None and offset is not None:  # they are; the library's types allow None
            if error is None:
                self._handle(message)
                offset += 1
            self._read_to[partition] = offset
            self._compare()

    def _compare(self) -> None:
        """Note whether the ends have been reached."""
        if self._ends and all(self._read_to[number] >= end for number, end in self._ends.items()):
            self._ends, self._complete_at = {}, self._asked_at
            self.caught_up.set()

    def _handle(self, message: Message) -> None:
        record = received(message)
        try:
            event = from_record(record)
            handler = self._handlers.get(event.type)
            if handler is not None:
                handler(event)
        except Exception as error:
            _LOG.error("event passed over", topic=record.topic, offset=record.offset, exc_info=error)
