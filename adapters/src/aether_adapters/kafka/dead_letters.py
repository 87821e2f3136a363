"""Dead letters: decides which messages cannot be handled, keeps them with the reason, and replays them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, Message, TopicPartition

from aether_adapters.kafka.envelope import Headers, NotAnEvent, Record, received
from aether_adapters.kafka.producer import LIBRARY_LOG, Outgoing, Producer
from aether_adapters.kernel.errors import Kind, TechnicalError, Unavailable
from aether_adapters.kernel.problems import RemoteError

SUFFIX: Final = ".dead"
_PREFIX: Final = "dead_"
_GROUP: Final = "aether-replay"
_MAX_REASON_CHARACTERS: Final = 2000
_BATCH_RECORDS: Final = 500
_TRANSIENT: Final = frozenset({Kind.UNAVAILABLE, Kind.EXHAUSTED, Kind.DEADLINE})


def is_transient(error: Exception) -> bool:
    """Whether a later attempt may succeed: a service was unavailable, a limit was hit, or time ran out."""
    return isinstance(error, TechnicalError | RemoteError) and error.kind in _TRANSIENT


def is_dead(error: Exception, faults: int, attempts: int) -> bool:
    """Whether a message that has failed `faults` times by its own fault goes to the dead letters.

    A message that is no event does so at once, any other after `attempts` attempts.
    """
    return isinstance(error, NotAnEvent) or faults >= attempts


def dead_letter(record: Record, error: Exception, group: str) -> Outgoing:
    """Return the message for `<topic>.dead`: the same key, value and headers, plus the reason."""
    headers: Headers = [
        *_without_reason(record),
        ("dead_reason", str(error)[:_MAX_REASON_CHARACTERS]),
        ("dead_error", type(error).__qualname__),
        ("dead_group", group),
        ("dead_topic", record.topic),
        ("dead_partition", str(record.partition)),
        ("dead_offset", str(record.offset)),
        ("dead_at", datetime.now(UTC).isoformat()),
    ]
    return record.topic + SUFFIX, record.key, record.value, headers


def replay_dead_letters(bootstrap: str, topic: str, *, seconds: float = 30.0) -> int:
    """Send the current dead letters of `topic` back to it, each once; return how many.

    Every group that reads the topic gets them again, so handlers must be idempotent, for example by the
    inbox. Raises `Unavailable` if Kafka is unreachable or `seconds` are over; messages sent back by then may
    be sent once more.
    """
    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{_GROUP}.{topic}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "log_level": 3,
        },
        logger=LIBRARY_LOG,
    )
    try:
        return _replay(reader, Producer(bootstrap), topic + SUFFIX, time.monotonic() + seconds)
    except KafkaException as error:
        raise Unavailable(
            f"The dead letters of {topic} cannot be read: {error.args[0].str()}", retry_after=1.0
        ) from error
    finally:
        reader.close()


def _replay(reader: Consumer, producer: Producer, dead: str, give_up: float) -> int:
    ends = _replay_ranges(reader, dead, give_up)
    reader.assign([TopicPartition(dead, partition, start) for partition, (start, _) in ends.items()])
    done = 0
    while ends:
        left = give_up - time.monotonic()
        if left <= 0:
            raise Unavailable(f"Time ran out after {done} dead letters were sent back.", retry_after=1.0)
        batch = [
            record
            for record in map(_received, reader.consume(_BATCH_RECORDS, min(left, 0.2)))
            if record.partition in ends and record.offset < ends[record.partition][1]
        ]
        if not batch:
            continue
        _send_back(producer, batch, left)
        offsets = {record.partition: record.offset + 1 for record in batch}
        reader.commit(
            offsets=[TopicPartition(dead, partition, offset) for partition, offset in offsets.items()],
            asynchronous=False,
        )
        done += len(batch)
        ends = {p: (s, end) for p, (s, end) in ends.items() if offsets.get(p, s) < end}
    return done


def _replay_ranges(reader: Consumer, dead: str, give_up: float) -> dict[int, tuple[int, int]]:
    """Return the first offset and the end of each partition that has messages to replay."""

    def left() -> float:
        return max(give_up - time.monotonic(), 0.1)

    topic = reader.list_topics(dead, timeout=left()).topics[dead]
    if topic.error is not None:
        return {}  # no message ever died
    partitions = [TopicPartition(dead, partition) for partition in topic.partitions]
    found: dict[int, tuple[int, int]] = {}
    for committed in reader.committed(partitions, timeout=left()):
        low, high = reader.get_watermark_offsets(committed, timeout=left())
        start = low if committed.offset == OFFSET_INVALID else max(committed.offset, low)
        if start < high:
            found[committed.partition] = (start, high)
    return found


def _received(message: Message) -> Record:
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    return received(message)


def _send_back(producer: Producer, batch: Sequence[Record], seconds: float) -> None:
    back: list[Outgoing] = [
        (_origin(record), record.key, record.value, _without_reason(record)) for record in batch
    ]
    failure = next((one for one in producer.deliver_raw(back, seconds) if one is not None), None)
    if failure is not None:
        raise Unavailable(f"A dead letter could not be sent back: {failure}", retry_after=1.0)


def _origin(record: Record) -> str:
    for name, value in record.headers:
        if name == "dead_topic" and value is not None:
            return value if isinstance(value, str) else value.decode()
    return record.topic.removesuffix(SUFFIX)


def _without_reason(record: Record) -> Headers:
    return [(name, value) for name, value in record.headers if not name.startswith(_PREFIX)]
