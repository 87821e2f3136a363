"""Fixtures: brokers of both implementations, consumers that run beside the test, unique topics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import uuid4

import pytest
from aether_adapters.kafka.envelope import Record, received
from aether_adapters.kernel.events import OutgoingEvent
from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from confluent_kafka import Consumer as Client


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.prove)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """A broker of each implementation."""
    fixture = {"embedded": "embedded_kafka_bootstrap", "kafka": "kafka_bootstrap"}[request.param]
    return str(request.getfixturevalue(fixture))


@pytest.fixture
def topic() -> str:
    """A topic for this test only."""
    return f"test.{uuid4().hex[:8]}.v1"


class Loop(Protocol):
    """A consumer or a relay."""

    def run(self, stop: threading.Event) -> None: ...


class Kit:
    """Helpers of the tests."""

    @staticmethod
    @contextmanager
    def running(*loops: Loop) -> Iterator[None]:
        """Run the loops in threads; raise here what one of them raises."""
        stop, errors = threading.Event(), list[BaseException]()

        def run(loop: Loop) -> None:
            try:
                loop.run(stop)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(loop,)) for loop in loops]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
            if errors:  # why the expected event did not happen
                raise errors[0]
        assert not any(thread.is_alive() for thread in threads), "a loop did not stop"

    @staticmethod
    def read(bootstrap: str, topic: str, enough: Callable[[list[Record]], bool]) -> list[Record]:
        """Read a topic, partition by partition in order, until the messages are `enough`."""
        client = Client({"bootstrap.servers": bootstrap, "group.id": "reading", "log_level": 3})
        partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
        client.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        found: list[Record] = []
        give_up = time.monotonic() + 60
        while not enough(found):
            assert time.monotonic() < give_up, f"only {len(found)} messages arrived"
            for message in client.consume(500, 0.1):
                if message.error() is None:  # some tests stop the broker
                    found.append(received(message))
        client.close()
        return found

    @staticmethod
    def event(topic: str, number: int, key: str = "1") -> OutgoingEvent:
        """Make an event of type `Numbered` whose payload is its number."""
        return OutgoingEvent(
            type="Numbered", topic=topic, key=key, payload=str(number).encode(), source="/test"
        )


@pytest.fixture
def kit() -> Kit:
    """The helpers."""
    return Kit()
