"""Tests of the batching producer: own outcomes, shared batches."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from aether_adapters.kafka import BatchingProducer, Producer
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.events import OutgoingEvent
from confluent_kafka import Consumer as Client


def event(topic: str, key: str, number: int) -> OutgoingEvent:
    return OutgoingEvent(type="t", topic=topic, key=key, payload=str(number).encode(), source="tests")


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    client = Client({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    client.subscribe([topic])
    found: list[bytes] = []
    ends = time.monotonic() + 60
    while len(found) < count and time.monotonic() < ends:
        message = client.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message.value() or b"")
    client.close()
    return found


def test_send_returns_in_each_thread_after_its_event_arrived(embedded_kafka_bootstrap: str) -> None:
    topic = f"shared-{uuid4()}"
    producer = BatchingProducer(Producer(embedded_kafka_bootstrap))
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda number: producer.send(event(topic, "k", number)), range(300)))
    assert sorted(map(int, read(embedded_kafka_bootstrap, topic, 300))) == list(range(300))


def test_the_events_of_one_thread_keep_their_order(embedded_kafka_bootstrap: str) -> None:
    topic = f"shared-{uuid4()}"
    producer = BatchingProducer(Producer(embedded_kafka_bootstrap))

    def send(thread: int) -> None:
        for number in range(20):
            producer.send(event(topic, "k", thread * 100 + number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    arrived = [int(value) for value in read(embedded_kafka_bootstrap, topic, 160)]
    for thread in range(8):
        own = [number for number in arrived if number // 100 == thread]
        assert own == [thread * 100 + number for number in range(20)]


def test_an_unreachable_broker_fails_every_waiting_call() -> None:
    producer = BatchingProducer(Producer("127.0.0.1:1"))
    refused: list[Exception] = []

    def send() -> None:
        try:
            with within(0.5):
                producer.send(event("t", "k", 1))
        except (Unavailable, DeadlineExceeded) as error:
            refused.append(error)

    threads = [threading.Thread(target=send) for _ in range(5)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert time.monotonic() - begun < 5


def test_an_abandoned_event_is_removed_from_the_queue() -> None:
    slow = threading.Event()

    class Slow(Producer):
        def deliver(self, events: object, seconds: float) -> list[None]:  # type: ignore[override]
            sent.append(len(events))  # type: ignore[arg-type]
            slow.wait(2)
            return [None] * len(events)  # type: ignore[arg-type]

    sent: list[int] = []
    producer = BatchingProducer(Slow("127.0.0.1:1"))
    first = threading.Thread(target=lambda: producer.send(event("t", "k", 1)))
    first.start()
    while not sent:
        time.sleep(0.01)
    with pytest.raises(DeadlineExceeded), within(0.1):
        producer.send(event("t", "k", 2))
    slow.set()
    first.join()
    producer.send(event("t", "k", 3))
    assert sent == [1, 1]
