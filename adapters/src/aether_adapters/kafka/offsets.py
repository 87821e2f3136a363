"""Tracks offsets and retries of a consumer, by partition."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, TopicPartition

from aether_adapters.kafka.envelope import Record

_LOG = structlog.get_logger("aether.consumer")

_COMMIT_INTERVAL_SECONDS: Final = 0.2
_COMMIT_AFTER_RECORDS: Final = 500
_COMMIT_RETRY_SECONDS: Final = 1.0
_MIN_PAUSE_SECONDS: Final = 0.1
_MAX_PAUSE_SECONDS: Final = 30.0

Partition = tuple[str, int]


@dataclass(slots=True)
class Retry:
    """A message to be retried; its partition waits for it.

    `tries` counts all attempts and lengthens the pause; `faults` counts attempts that failed because of the
    message.
    """

    offset: int
    tries: int = 0
    faults: int = 0
    at: float | None = None


class Offsets:
    """Offsets and retries of one group membership. An offset is that of the next message, as in Kafka."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._done: dict[Partition, int] = {}
        self._retries: dict[Partition, Retry] = {}
        self._uncommitted = 0
        self._commit_at = 0.0
        self._not_before = 0.0
        self._in_flight: dict[Partition, int] = {}

    def is_held(self, record: Record) -> bool:
        """Whether the partition waits for a message that was put back; this one is read again after it."""
        retry = self._retries.get(_partition_of(record))
        return retry is not None and retry.at is not None

    def retry(self, record: Record) -> Retry:
        """Return the record of earlier attempts at this message."""
        retry = self._retries.get(_partition_of(record))
        return retry if retry is not None and retry.offset == record.offset else Retry(record.offset)

    def finish(self, record: Record) -> None:
        """Mark the message as finished, whatever its outcome."""
        self._retries.pop(_partition_of(record), None)
        if not self._done:
            self._commit_at = time.monotonic() + _COMMIT_INTERVAL_SECONDS
        self._done[_partition_of(record)] = record.offset + 1
        self._uncommitted += 1

    def put_back(self, record: Record, retry: Retry) -> float:
        """Pause the partition at this message; return for how many seconds."""
        longest = min(_MIN_PAUSE_SECONDS * 2 ** min(retry.tries, 16), _MAX_PAUSE_SECONDS)
        pause: float = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the retries of a group
        retry.at = time.monotonic() + pause
        retry.tries += 1
        self._retries[_partition_of(record)] = retry
        position = TopicPartition(*_partition_of(record), record.offset)
        self._client.pause([position])
        self._client.seek(position)
        return pause

    def resume(self) -> None:
        """Resume partitions whose pause is over."""
        now = time.monotonic()
        for (topic, partition), retry in self._retries.items():
            if retry.at is not None and retry.at <= now:
                retry.at = None
                self._client.resume([TopicPartition(topic, partition)])

    def commit_when_due(self, *, idle: bool) -> None:
        """Commit when idle, and after 0.2 s or 500 messages at the latest."""
        now = time.monotonic()
        due = idle or self._uncommitted >= _COMMIT_AFTER_RECORDS or now >= self._commit_at
        if self._done and due and now >= self._not_before:
            self._commit()

    def committed(self, error: KafkaError | None, partitions: Iterable[TopicPartition]) -> None:
        """Record the result of a commit (called by librdkafka from a poll); a failed one is repeated later."""
        for partition in partitions:
            key = (partition.topic, partition.partition)
            if self._in_flight.get(key) != partition.offset:
                continue  # revoked, or superseded by a later commit
            del self._in_flight[key]
            failure = error or partition.error
            if failure is not None:
                self._done.setdefault(key, partition.offset)
                self._not_before = time.monotonic() + _COMMIT_RETRY_SECONDS
                _LOG.warning("a commit was refused", topic=key[0], partition=key[1], reason=failure.str())

    def commit_and_wait(self, seconds: float) -> None:
        """Commit finished messages and wait at most `seconds` for the response.

        Without a response the next owner of the partition repeats them.
        """
        give_up = time.monotonic() + seconds
        if self._done:
            self._commit()
        while self._in_flight and time.monotonic() < give_up:
            self._client.poll(0.05)  # a message that arrives now is left to the next owner
        self._done.clear()
        self._in_flight.clear()

    def release(self, partitions: Iterable[TopicPartition], *, lost: bool) -> None:
        """Hand partitions over to another member; commit finished messages unless they are already lost."""
        keys = [(partition.topic, partition.partition) for partition in partitions]
        done = {key: self._done.pop(key) for key in keys if key in self._done}
        waiting = [key for key in keys if self._retries.pop(key, None) is not None]
        if waiting:
            # In librdkafka a pause outlives the assignment and would apply when the partition comes back.
            self._client.resume([TopicPartition(*key) for key in waiting])
        for key in keys:
            self._in_flight.pop(key, None)
        if done and not lost:
            self._client.commit(offsets=_offsets(done), asynchronous=True)

    def _commit(self) -> None:
        self._client.commit(offsets=_offsets(self._done), asynchronous=True)
        self._in_flight |= self._done
        self._done.clear()
        self._uncommitted = 0


def _offsets(done: dict[Partition, int]) -> list[TopicPartition]:
    return [TopicPartition(*key, offset) for key, offset in done.items()]


def _partition_of(record: Record) -> Partition:
    return record.topic, record.partition
