"""Batches of a consumer: messages that arrived close together, and which of them one handler takes at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import Final, TypeAlias

from confluent_kafka import Consumer as Client
from confluent_kafka import Message, TopicPartition

from aether_adapters.kafka.envelope import NotAnEvent, from_record, received
from aether_adapters.kernel.events import IncomingEvent

BatchHandler: TypeAlias = Callable[[Sequence[IncomingEvent]], None]
"""Handles several events of one type in one transaction, all or none; it must be idempotent, also within a batch."""

_MAX_MESSAGES: Final = 200
_GATHERING_SECONDS: Final = 0.05


class Gathered:
    """Messages that were polled and are not handled yet, in order within each partition."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    def gather(self, client: Client, seconds: float, *, several: bool) -> bool:
        """Wait up to `seconds` for a message, and if `several`, shortly for more. Return whether one came."""
        message, until = client.poll(seconds), 0.0
        while message is not None:
            self._messages.append(message)
            if not several or message.error() is not None or len(self._messages) == _MAX_MESSAGES:
                break
            until = until or time.monotonic() + _GATHERING_SECONDS
            message = client.poll(max(0.0, until - time.monotonic()))
        return bool(self._messages)

    def drop(self, partitions: Collection[TopicPartition]) -> None:
        """Forget the messages of partitions that another member reads from now on."""
        gone = {(each.topic, each.partition) for each in partitions}
        self._messages = [each for each in self._messages if (each.topic(), each.partition()) not in gone]

    def runs(self, types: Collection[str]) -> Iterator[tuple[str, list[Message]]]:
        """Return neighbours of one type in `types`, each run with its type, and all other messages one by one, with ""."""
        messages, self._messages = self._messages, []
        for kind, run in groupby(messages, lambda message: _type_of(message, types)):
            found = list(run)
            yield from [(kind, found)] if kind else [("", [message]) for message in found]


def _type_of(message: Message, types: Collection[str]) -> str:
    if not types or message.error() is not None:
        return ""
    try:
        kind = from_record(received(message)).type
    except NotAnEvent:
        return ""
    return kind if kind in types else ""
