"""Sends dead letters back to their topics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, Message, TopicPartition

from aether_adapters.kafka.cluster import Cluster
from aether_adapters.kafka.dead_letters import SUFFIX, VALUE_LEFT, without_reason
from aether_adapters.kafka.envelope import Record, received
from aether_adapters.kafka.producer import LIBRARY_LOG, Outgoing, Producer
from aether_adapters.kernel.errors import Unavailable

_LOG: Final = structlog.get_logger("aether.replay")
_GROUP: Final = "aether-replay"
_BATCH_RECORDS: Final = 500
_FETCH_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2


def replay_dead_letters(cluster: Cluster | str, topic: str, *, seconds: float = 30.0) -> int:
    """Send the current dead letters of `topic` back to it, each once; return how many.

    Every group that reads the topic gets them again, so handlers must be idempotent, for example by the
    inbox. A letter that holds only coordinates is fetched from there. One that is gone there, or that the broker takes
    no longer, is logged and passed over. Raises `Unavailable` if Kafka is unreachable or `seconds` are over; messages
    sent back by then may be sent once more.
    """
    give_up = time.monotonic() + seconds
    reader, originals = _reader(cluster, topic), _reader(cluster, topic)
    try:
        return _Replay(reader, originals, Producer(cluster), topic + SUFFIX, give_up).run()
    except KafkaException as error:
        raise Unavailable(
            f"The dead letters of {topic} cannot be read: {error.args[0].str()}", retry_after=1.0
        ) from error
    finally:
        reader.close()
        originals.close()


def _reader(cluster: Cluster | str, topic: str) -> Consumer:
    settings = Cluster.of(cluster).options() | {
        "group.id": f"{_GROUP}.{topic}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "log_level": 3,
    }
    return Consumer(settings, logger=LIBRARY_LOG)


class _Replay:
    """One replay of the topic `dead`, until `give_up` on the monotonic clock."""

    def __init__(
        self, reader: Consumer, originals: Consumer, producer: Producer, dead: str, give_up: float
    ) -> None:
        self._reader = reader
        self._originals = originals
        self._producer = producer
        self._dead = dead
        self._give_up = give_up

    def run(self) -> int:
        ends = self._ranges()
        self._reader.assign(
            [TopicPartition(self._dead, number, start) for number, (start, _) in ends.items()]
        )
        done = 0
        while ends:
            if self._left() <= 0:
                raise Unavailable(f"Time ran out after {done} dead letters were sent back.", retry_after=1.0)
            batch = [
                record
                for record in map(
                    _received, self._reader.consume(_BATCH_RECORDS, min(self._left(), _POLL_SECONDS))
                )
                if record.partition in ends and record.offset < ends[record.partition][1]
            ]
            if not batch:
                continue
            done += self._send_back(batch)
            offsets = {record.partition: record.offset + 1 for record in batch}
            self._reader.commit(
                offsets=[
                    TopicPartition(self._dead, partition, offset) for partition, offset in offsets.items()
                ],
                asynchronous=False,
            )
            ends = {p: (s, end) for p, (s, end) in ends.items() if offsets.get(p, s) < end}
        return done

    def _left(self) -> float:
        return self._give_up - time.monotonic()

    def _ranges(self) -> dict[int, tuple[int, int]]:
        """Return the first offset and the end of each partition that has messages to replay."""

        def left() -> float:
            return max(self._left(), 0.1)

        topic = self._reader.list_topics(self._dead, timeout=left()).topics[self._dead]
        if topic.error is not None:
            return {}  # no message ever died
        partitions = [TopicPartition(self._dead, partition) for partition in topic.partitions]
        found: dict[int, tuple[int, int]] = {}
        for committed in self._reader.committed(partitions, timeout=left()):
            low, high = self._reader.get_watermark_offsets(committed, timeout=left())
            start = low if committed.offset == OFFSET_INVALID else max(committed.offset, low)
            if start < high:
                found[committed.partition] = (start, high)
        return found

    def _send_back(self, batch: Sequence[Record]) -> int:
        """Send the messages back; return how many. Raises `Unavailable` if Kafka is away."""
        waiting = [(record, back) for record in batch if (back := self._alive(record)) is not None]
        sent = 0
        while waiting:
            outcomes = self._producer.deliver_raw([back for _, back in waiting], max(self._left(), 0.1))
            again = list[tuple[Record, Outgoing]]()
            unfit = 0
            for (record, back), failure in zip(waiting, outcomes, strict=True):
                if failure is None:
                    sent += 1
                elif failure.unfit:
                    unfit += 1
                    _passed_over(record, str(failure))
                else:
                    again.append((record, back))
            # One that is refused keeps those behind it from being sent.
            if again and not unfit and len(again) == len(waiting):
                failed = next(failure for failure in outcomes if failure is not None)
                raise Unavailable(f"A dead letter could not be sent back: {failed}", retry_after=1.0)
            waiting = again
        return sent

    def _alive(self, letter: Record) -> Outgoing | None:
        """Return the message as it was, or None if it is gone."""
        said = {name: _text(value) for name, value in letter.headers if value is not None}
        topic = said.get("dead_topic") or letter.topic.removesuffix(SUFFIX)
        if VALUE_LEFT not in said:
            return topic, letter.key, letter.value, without_reason(letter)
        place = TopicPartition(topic, int(said["dead_partition"]), int(said["dead_offset"]))
        original = self._original(place)
        if original is None:
            _passed_over(letter, f"offset {place.offset} of partition {place.partition} of {topic} is gone")
            return None
        return topic, original.key, original.value, without_reason(original)

    def _original(self, place: TopicPartition) -> Record | None:
        self._originals.assign([place])
        give_up = time.monotonic() + min(_FETCH_SECONDS, max(self._left(), 0.1))
        while time.monotonic() < give_up:
            message = self._originals.poll(_POLL_SECONDS)
            if message is None:
                continue
            if message.error() is not None:
                return None  # the offset is out of range
            record = received(message)
            return record if record.offset == place.offset else None
        return None


def _passed_over(letter: Record, reason: str) -> None:
    _LOG.error(
        "dead letter passed over",
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        reason=reason,
    )


def _received(message: Message) -> Record:
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    return received(message)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="backslashreplace")
