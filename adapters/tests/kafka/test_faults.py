"""Tests of an unreachable, old or slow Kafka, and of a consumer that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.embedded import EmbeddedKafka, children
from aether_adapters.kafka import Consumer, Producer, probe, replay_dead_letters
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.testing.kafka import KafkaBroker, find_libraries
from aether_adapters.testing.waiting import eventually
from confluent_kafka import KafkaError

pytestmark = pytest.mark.prove

_CONSUMER_GROUP_HEARTBEAT = 68
_PRODUCE = 0

_SLOW_READER = """
import sys, threading, time
from aether_adapters.kafka import Consumer
bootstrap, topic, file = sys.argv[1:]
def handle(event):
    with open(file, "a") as log:
        log.write(event.payload.decode() + "\\n")
    time.sleep(0.01)
Consumer(bootstrap, topic, [topic], {"Numbered": handle}).run(threading.Event())
"""


@pytest.fixture
def kafka(topic: str) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka({topic: 2}) as server:
        yield server


def test_sending_to_an_unreachable_kafka_is_unavailable_and_sends_nothing_later(
    kafka: EmbeddedKafka, topic: str, kit: Any
) -> None:
    producer = Producer(kafka.bootstrap)
    producer.send(kit.event(topic, 1))
    kafka.broker_down()
    with within(0.5), pytest.raises(DeadlineExceeded, match="did not reach Kafka"):
        producer.send(kit.event(topic, 2))
    kafka.broker_up()
    producer.send(kit.event(topic, 3))
    records = kit.read(kafka.bootstrap, topic, lambda found: any(record.value == b"3" for record in found))
    assert [record.value for record in records] == [b"1", b"3"]


def test_a_rejected_event_is_unavailable_at_once(kafka: EmbeddedKafka, topic: str, kit: Any) -> None:
    kafka.push_errors(_PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    producer = Producer(kafka.bootstrap)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="authorization failed"):
        producer.send(kit.event(topic, 1))
    assert time.monotonic() - started < 5
    producer.send(kit.event(topic, 2))


def test_a_full_queue_refuses_further_events(kafka: EmbeddedKafka, topic: str, kit: Any) -> None:
    producer = Producer(kafka.bootstrap, queue=10)
    outcomes = producer.deliver([kit.event(topic, number) for number in range(15)], 10)
    assert [outcome is None for outcome in outcomes] == [True] * 10 + [False] * 5
    assert not any(outcome.refused for outcome in outcomes if outcome is not None)


def test_brokers_without_kip_848_get_the_classic_protocol(kafka: EmbeddedKafka, topic: str, kit: Any) -> None:
    kafka.without_api(_CONSUMER_GROUP_HEARTBEAT)
    Producer(kafka.bootstrap).send(*(kit.event(topic, number) for number in range(3)))
    came: list[bytes] = []
    with kit.running(
        Consumer(kafka.bootstrap, topic, [topic], {"Numbered": lambda e: came.append(e.payload)})
    ):
        eventually(lambda: came == [b"0", b"1", b"2"])


def test_a_consumer_started_before_its_broker_waits_for_it(topic: str, kit: Any) -> None:
    port = children.free_port()
    came: list[bytes] = []
    consumer = Consumer(f"127.0.0.1:{port}", topic, [topic], {"Numbered": lambda e: came.append(e.payload)})
    with kit.running(consumer):
        time.sleep(0.3)
        with EmbeddedKafka(port=port) as kafka:
            Producer(kafka.bootstrap).send(kit.event(topic, 1))
            eventually(lambda: came == [b"1"])


def test_a_consumer_survives_a_broker_outage(kafka: EmbeddedKafka, topic: str, kit: Any) -> None:
    producer = Producer(kafka.bootstrap)
    came: list[bytes] = []
    with kit.running(
        Consumer(kafka.bootstrap, topic, [topic], {"Numbered": lambda e: came.append(e.payload)})
    ):
        producer.send(kit.event(topic, 1))
        eventually(lambda: came == [b"1"])
        kafka.broker_down()
        time.sleep(1)
        kafka.broker_up()
        producer.send(kit.event(topic, 2))
        eventually(lambda: came[-1] == b"2")


def test_a_consumer_stops_quickly_while_its_broker_is_down(
    kafka: EmbeddedKafka, topic: str, kit: Any
) -> None:
    Producer(kafka.bootstrap).send(kit.event(topic, 1))
    down_at: list[float] = []

    def handle(event: IncomingEvent) -> None:
        kafka.broker_down()  # so that the commit of this very event fails
        down_at.append(time.monotonic())

    with kit.running(Consumer(kafka.bootstrap, topic, [topic], {"Numbered": handle})):
        eventually(lambda: bool(down_at))
    assert time.monotonic() - down_at[0] < 10


def test_a_message_stays_while_dead_letters_cannot_be_written(
    kafka: EmbeddedKafka, topic: str, kit: Any
) -> None:
    Producer(kafka.bootstrap).send(kit.event(topic, 1), kit.event(topic, 2))
    kafka.push_errors(_PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 2)
    came: list[bytes] = []

    def handle(event: IncomingEvent) -> None:
        if event.payload == b"1":
            raise LookupError("poison")
        came.append(event.payload)

    with kit.running(Consumer(kafka.bootstrap, topic, [topic], {"Numbered": handle})):
        eventually(lambda: came == [b"2"])
    letters = kit.read(kafka.bootstrap, f"{topic}.dead", bool)
    assert [letter.value for letter in letters] == [b"1"]


def test_replaying_from_an_unreachable_kafka_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        replay_dead_letters(f"127.0.0.1:{children.free_port()}", "t.v1", seconds=0.5)


def test_the_probe_tells_whether_a_broker_responds(kafka: EmbeddedKafka) -> None:
    ask = probe(kafka.bootstrap, seconds=2)
    ask()
    kafka.broker_down()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="does not respond"):
        ask()
    assert time.monotonic() - started < 4
    kafka.broker_up()
    for _ in range(50):
        try:
            return ask()
        except Unavailable:
            time.sleep(0.1)
    pytest.fail("the probe never saw the broker come back")


@pytest.mark.suite("events")
@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_a_killed_consumer_leaves_the_rest_to_its_successor(
    bootstrap: str, topic: str, kit: Any, tmp_path: Path, fate: signal.Signals
) -> None:
    numbers = list(range(300))
    Producer(bootstrap).send(*(kit.event(topic, number) for number in numbers))
    log = tmp_path / "seen"
    victim = subprocess.Popen([sys.executable, "-c", _SLOW_READER, bootstrap, topic, str(log)])
    try:
        eventually(lambda: log.exists() and len(log.read_text().split()) > 60)
    finally:
        os.kill(victim.pid, fate)
        victim.wait()
    before = [int(line) for line in log.read_text().split()]
    assert len(before) < 300, "it finished before it was killed; give it more events"
    after: list[int] = []
    consumer = Consumer(bootstrap, topic, [topic], {"Numbered": lambda e: after.append(int(e.payload))})
    with kit.running(consumer):
        eventually(lambda: bool(after) and after[-1] == 299)
    assert sorted({*before, *after}) == numbers
    assert after == list(range(after[0], 300)), "the rest is in order from the last commit on"
    assert 0 < after[0] <= before[-1] + 1


@pytest.mark.suite("events")
@pytest.mark.implementation("kafka")
def test_a_crashed_broker_keeps_every_confirmed_event(
    topic: str, kit: Any, request: pytest.FixtureRequest
) -> None:
    try:
        libraries = find_libraries(request.config.rootpath)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    came: list[int] = []
    sent: list[int] = []
    with KafkaBroker(libraries) as broker:
        producer = Producer(broker.bootstrap)
        consumer = Consumer(
            broker.bootstrap, topic, [topic], {"Numbered": lambda e: came.append(int(e.payload))}
        )

        def send(number: int, seconds: float = 20.0) -> None:
            with within(seconds):
                try:
                    producer.send(kit.event(topic, number))
                except (Unavailable, DeadlineExceeded):
                    return
            sent.append(number)

        with kit.running(consumer):
            for number in range(100):
                send(number)
            broker.kill()
            for number in range(100, 103):
                send(number, 1.0)
            broker.start()
            for number in range(103, 200):
                send(number)
            eventually(lambda: set(sent) <= set(came))
    assert sent[:100] == list(range(100))
    assert 199 in sent
    assert list(dict.fromkeys(came)) == sorted(set(came)), "first times are in order"
