"""How far a consumer has come in each of its partitions, and which messages wait to be tried again."""

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

Place = tuple[str, int]


@dataclass(slots=True)
class Retry:
    """A message that waits, and with it everything behind it in its partition.

    `tries` counts all attempts and lengthens the pause; `faults` counts those that were the message's own fault.
    """

    offset: int
    tries: int = 0
    faults: int = 0
    at: float | None = None


class Progress:
    """The bookkeeping of one membership in a group. Offsets are those of the next message, as Kafka has it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._done: dict[Place, int] = {}
        self._retries: dict[Place, Retry] = {}
        self._uncommitted = 0
        self._commit_at = 0.0
        self._not_before = 0.0
        self._on_its_way: dict[Place, int] = {}

    def is_held(self, record: Record) -> bool:
        """Whether the partition waits for a message that was put back; this one will come again after it."""
        retry = self._retries.get(_place(record))
        return retry is not None and retry.at is not None

    def retry(self, record: Record) -> Retry:
        """What is known of earlier attempts at this message."""
        retry = self._retries.get(_place(record))
        return retry if retry is not None and retry.offset == record.offset else Retry(record.offset)

    def finish(self, record: Record) -> None:
        """The message is done with, one way or another."""
        self._retries.pop(_place(record), None)
        if not self._done:
            self._commit_at = time.monotonic() + _COMMIT_INTERVAL_SECONDS
        self._done[_place(record)] = record.offset + 1
        self._uncommitted += 1

    def put_back(self, record: Record, retry: Retry) -> float:
        """Hold the partition at this message; returns for how many seconds."""
        longest = min(_MIN_PAUSE_SECONDS * 2 ** min(retry.tries, 16), _MAX_PAUSE_SECONDS)
        pause: float = longest * random.uniform(0.5, 1.0)  # noqa: S311 - so that a group does not knock in step
        retry.at = time.monotonic() + pause
        retry.tries += 1
        self._retries[_place(record)] = retry
        place = TopicPartition(*_place(record), record.offset)
        self._client.pause([place])
        self._client.seek(place)
        return pause

    def resume(self) -> None:
        """Let partitions go on whose pause is over."""
        now = time.monotonic()
        for (topic, partition), retry in self._retries.items():
            if retry.at is not None and retry.at <= now:
                retry.at = None
                self._client.resume([TopicPartition(topic, partition)])

    def commit_when_due(self, *, idle: bool) -> None:
        """Commit when there is nothing else to do, and after 0.2 s or 500 messages at the latest."""
        now = time.monotonic()
        due = idle or self._uncommitted >= _COMMIT_AFTER_RECORDS or now >= self._commit_at
        if self._done and due and now >= self._not_before:
            self._commit()

    def committed(self, error: KafkaError | None, partitions: Iterable[TopicPartition]) -> None:
        """Hear how a commit went; librdkafka calls it from a poll. What failed is committed again later."""
        for partition in partitions:
            place = (partition.topic, partition.partition)
            if self._on_its_way.get(place) != partition.offset:
                continue  # given up, or overtaken by a later one
            del self._on_its_way[place]
            trouble = error or partition.error
            if trouble is not None:
                self._done.setdefault(place, partition.offset)
                self._not_before = time.monotonic() + _COMMIT_RETRY_SECONDS
                _LOG.warning("a commit was refused", topic=place[0], partition=place[1], reason=trouble.str())

    def finish_up(self, seconds: float) -> None:
        """Commit what is done and wait for the answer, at most `seconds`; then forget it.

        Where the answer does not come, what was done is done again by whoever has the partition next.
        """
        give_up = time.monotonic() + seconds
        if self._done:
            self._commit()
        while self._on_its_way and time.monotonic() < give_up:
            self._client.poll(0.05)  # a message that comes now is left to the next one
        self._done.clear()
        self._on_its_way.clear()

    def give_up(self, partitions: Iterable[TopicPartition], *, lost: bool) -> None:
        """Hand partitions over to another member; what was done is committed unless they are lost already."""
        places = [(partition.topic, partition.partition) for partition in partitions]
        done = {place: self._done.pop(place) for place in places if place in self._done}
        waiting = [place for place in places if self._retries.pop(place, None) is not None]
        if waiting:
            # A pause outlives the assignment in librdkafka, and would be met again when the partition comes back.
            self._client.resume([TopicPartition(*place) for place in waiting])
        for place in places:
            self._on_its_way.pop(place, None)
        if done and not lost:
            self._client.commit(offsets=_offsets(done), asynchronous=True)

    def _commit(self) -> None:
        self._client.commit(offsets=_offsets(self._done), asynchronous=True)
        self._on_its_way |= self._done
        self._done.clear()
        self._uncommitted = 0


def _offsets(done: dict[Place, int]) -> list[TopicPartition]:
    return [TopicPartition(*place, offset) for place, offset in done.items()]


def _place(record: Record) -> Place:
    return record.topic, record.partition
