"""A broker by both implementations, a consumer that runs beside the test, and topics nobody else uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from aether_adapters.events import OutgoingEvent
from aether_adapters.kafka import Consumer


@pytest.fixture(params=["embedded", "kafka"])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """A broker, by each implementation."""
    fixture = {"embedded": "embedded_kafka_bootstrap", "kafka": "kafka_bootstrap"}[request.param]
    return str(request.getfixturevalue(fixture))


@pytest.fixture
def topic() -> str:
    """A topic of this test's own."""
    return f"test.{uuid4().hex[:8]}.v1"


class Kit:
    """What tests of the kit share."""

    @staticmethod
    @contextmanager
    def running(*loops: Consumer) -> Iterator[None]:
        """The loops in threads of their own; what one raises is raised here."""
        stop, errors = threading.Event(), list[BaseException]()

        def run(loop: Consumer) -> None:
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
        assert not errors, errors
        assert not any(thread.is_alive() for thread in threads), "a loop did not stop"

    @staticmethod
    def eventually(holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until `holds`, and fail when it does not."""
        give_up = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < give_up, "it did not happen"
            time.sleep(0.01)

    @staticmethod
    def event(topic: str, number: int, key: str = "1") -> OutgoingEvent:
        """An event of type `Numbered` whose payload is its number."""
        return OutgoingEvent(
            type="Numbered", topic=topic, key=key, payload=str(number).encode(), source="/test"
        )


@pytest.fixture
def kit() -> Kit:
    """The helpers."""
    return Kit()
