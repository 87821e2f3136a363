"""Tests of messages that no service of ours sent: none of them stops a partition."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aether_adapters.embedded import EmbeddedKafka
from aether_adapters.kafka import Consumer, Producer, replay_dead_letters
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.testing.raw_kafka import send_raw
from aether_adapters.testing.waiting import eventually
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

_PRODUCE = 0
_EVENT = [
    (b"ce_specversion", b"1.0"),
    (b"ce_id", b"1"),
    (b"ce_type", b"Numbered"),
    (b"ce_source", b"/foreign"),
]


@pytest.fixture
def kafka(topic: str) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka({topic: 1, f"{topic}.dead": 1}) as kafka:
        yield kafka


def test_a_letter_that_the_broker_refuses_leaves_its_coordinates(
    kafka: EmbeddedKafka, topic: str, kit: Any
) -> None:
    Producer(kafka.bootstrap).send(kit.event(topic, 1), kit.event(topic, 2))
    kafka.push_errors(_PRODUCE, KafkaError.MSG_SIZE_TOO_LARGE)
    came: list[bytes] = []

    def handle(event: IncomingEvent) -> None:
        if event.payload == b"1":
            raise LookupError("poison")
        came.append(event.payload)

    with kit.running(Consumer(kafka.bootstrap, topic, [topic], {"Numbered": handle})):
        eventually(lambda: came == [b"2"])
    (letter,) = kit.read(kafka.bootstrap, f"{topic}.dead", bool)
    said = dict(letter.headers)
    assert (letter.key, letter.value) == (f"{topic}-0-0".encode(), b"")
    assert (said["dead_value_left"], said["dead_reason"], said["dead_offset"]) == (b"1", b"poison", b"0")
    assert replay_dead_letters(kafka.bootstrap, topic) == 1
    back = kit.read(kafka.bootstrap, topic, lambda records: len(records) == 3)[-1]
    assert (back.key, back.value, dict(back.headers)["ce_type"]) == (b"1", b"1", b"Numbered")


@pytest.mark.prove
@pytest.mark.parametrize("size", [1_020_000, 3_000_000])
def test_a_message_larger_than_the_dead_letters_take_does_not_block_its_partition(
    kafka_bootstrap: str, topic: str, kit: Any, size: int
) -> None:
    """The smaller one fits the broker, but not librdkafka's own limit; the larger one fits its own topic only."""
    large = NewTopic(topic, num_partitions=1, config={"max.message.bytes": "4000000"})
    client = AdminClient({"bootstrap.servers": kafka_bootstrap})  # must outlive its futures
    for made in client.create_topics([large]).values():
        made.result(60)
    send_raw(kafka_bootstrap, topic, [(b"junk", b"\xff")], os.urandom(size), key=b"k")
    Producer(kafka_bootstrap).send(kit.event(topic, 2))
    came: list[bytes] = []
    with kit.running(
        Consumer(kafka_bootstrap, topic, [topic], {"Numbered": lambda event: came.append(event.payload)})
    ):
        eventually(lambda: came == [b"2"])
    (letter,) = kit.read(kafka_bootstrap, f"{topic}.dead", bool)
    whole = size < 1_048_576
    assert len(letter.value or b"") == (size if whole else 0)
    assert replay_dead_letters(kafka_bootstrap, topic) == 1
    back = kit.read(kafka_bootstrap, topic, lambda records: len(records) == 3)[-1]
    assert (back.key, len(back.value or b""), back.headers) == (b"k", size, [("junk", b"\xff")])


def test_no_foreign_message_stops_the_events_behind_it(kafka: EmbeddedKafka, topic: str, kit: Any) -> None:
    hostile: list[list[tuple[bytes, bytes]]] = [
        [],
        [(b"\xff\xfe", b"name that is not UTF-8"), *_EVENT],
        [(b"ce_id", b"\xff"), *_EVENT[:1], *_EVENT[2:]],
        [*_EVENT, (b"ce_time", b"\xff")],
        [*_EVENT, (b"ce_time", b"yesterday")],
        [(b"many", b"x")] * 20_000,
        [(b"content-type", b"application/cloudevents+json; charset=utf-8")],
        [(b"", b""), (b"dead_topic", b"elsewhere")],
    ]
    # By then the interpreter has specialized the calls of the consumer's loop.
    Producer(kafka.bootstrap).send(*(replace(kit.event(topic, 1), type="Other") for _ in range(100)))
    for headers in hostile:
        send_raw(kafka.bootstrap, topic, headers, b"{}")
    strange = [*_EVENT, (b"span", b"\xff"), (b"ce_id", b"2"), (b"content-type", b"application/x-unheard-of")]
    send_raw(kafka.bootstrap, topic, strange, b"foreign", key=b"\xff\x00")
    events: list[IncomingEvent] = []
    with kit.running(Consumer(kafka.bootstrap, topic, [topic], {"Numbered": events.append})):
        eventually(lambda: bool(events))
    (event,) = events
    assert (event.payload, event.id, event.headers, event.key) == (b"foreign", "2", {}, "\\xff\x00")
    letters = kit.read(kafka.bootstrap, f"{topic}.dead", lambda found: len(found) == len(hostile))
    assert all(dict(letter.headers)["dead_topic"] == topic.encode() for letter in letters)


def test_a_letter_that_no_one_takes_back_does_not_keep_the_others(
    kafka: EmbeddedKafka, topic: str, kit: Any
) -> None:
    dead = f"{topic}.dead"
    gone = [
        (b"dead_value_left", b"1"),
        (b"dead_topic", topic.encode()),
        (b"dead_partition", b"0"),
        (b"dead_offset", b"77"),
    ]
    send_raw(kafka.bootstrap, dead, gone, b"")
    send_raw(kafka.bootstrap, dead, [(b"dead_topic", topic.encode()), *_EVENT], b"alive")
    assert replay_dead_letters(kafka.bootstrap, topic) == 1
    assert [record.value for record in kit.read(kafka.bootstrap, topic, bool)] == [b"alive"]
