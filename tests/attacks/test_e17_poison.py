"""E17: whatever is in a topic, the partition goes on: a letter that does not fit leaves its coordinates."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aether_adapters.kafka.envelope import Record, received
from aether_adapters.testing.kafka import KafkaBroker, find_libraries
from aether_adapters.testing.plugin import found
from aether_adapters.testing.raw_kafka import send_raw
from aether_adapters.testing.waiting import eventually
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.attacks.conftest import Victim, victim_of
from tests.support.acme import Acme

TOPIC = "acme.billing.v1"


def records(bootstrap: str, topic: str, count: int, seconds: float = 20.0) -> list[Record]:
    """Return the first `count` records of a topic, or those that are there within `seconds`."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": "reading", "log_level": 0})
    try:
        partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
        client.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        read = list[Record]()
        give_up = time.monotonic() + seconds
        while len(read) < count and time.monotonic() < give_up:
            read += [received(message) for message in client.consume(500, 0.1) if message.error() is None]
        return read
    finally:
        client.close()


def counted(victim: Victim) -> int:
    """Return how many invoices the victim's consumer has counted."""
    with victim.client() as client:
        return int(client.get("/v1/tally").json()["created"])


def a_foreign_event(victim: Victim, bootstrap: str) -> tuple[Record, list[tuple[bytes, bytes]]]:
    """Create an invoice; return its record, and headers as another system would send them for the same event."""
    with victim.client() as client:
        assert client.post("/v1/invoices", json={"title": "x"}).status_code == 201
    eventually(lambda: counted(victim) == 1, "the invoice is counted")
    (record,) = records(bootstrap, TOPIC, 1)
    kept = [
        (name, value) for name, value in record.headers if name not in ("ce_id", "ce_time", "traceparent")
    ]
    headers = [
        (name.encode(), value if isinstance(value, bytes) else (value or "").encode()) for name, value in kept
    ]
    return record, [*headers, (b"ce_id", b"foreign"), (b"span", b"\xff\x00\xfe")]


def test_no_foreign_message_stops_or_kills_a_worker(victim: Victim) -> None:
    bootstrap = victim.deployment.settings["KAFKA_BOOTSTRAP"]
    record, foreign = a_foreign_event(victim, bootstrap)
    hostile: list[list[tuple[bytes, bytes]]] = [
        [],
        [(b"\xff\xfe", b"name that is not UTF-8")],
        [(b"ce_id", b"\xff")],
        [*foreign, (b"ce_time", b"yesterday")],
        [(b"many", b"x")] * 20_000,
        [(b"content-type", b"application/cloudevents+json")],
    ]
    warm = [(b"ce_specversion", b"1.0"), (b"ce_id", b"w"), (b"ce_type", b"Other"), (b"ce_source", b"/w")]
    for headers in [warm] * 60 + hostile:
        send_raw(bootstrap, TOPIC, headers, b"\xff", partition=record.partition)
    send_raw(bootstrap, TOPIC, foreign, record.value or b"", key=b"\xff\x00", partition=record.partition)
    eventually(lambda: counted(victim) == 2, "the foreign event is counted")
    assert victim.process.process.poll() is None
    assert len(records(bootstrap, f"{TOPIC}.dead", len(hostile))) == len(hostile)


@contextmanager
def broker_of_large_messages(root: Path) -> Iterator[KafkaBroker]:
    """A broker whose topic takes larger messages than the topic of dead letters."""
    with found(lambda: KafkaBroker(find_libraries(root))) as broker:
        client = AdminClient({"bootstrap.servers": broker.bootstrap})  # must outlive its futures
        topics = [NewTopic(TOPIC, num_partitions=1, config={"max.message.bytes": "4000000"})]
        for made in client.create_topics(topics).values():
            made.result(60)
        yield broker


@pytest.mark.prove
@pytest.mark.implementation("kafka")
def test_a_message_larger_than_any_dead_letter_does_not_block_its_partition(
    billing: Acme, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with (
        broker_of_large_messages(request.config.rootpath) as broker,
        victim_of(billing, tmp_path, KAFKA_BOOTSTRAP=broker.bootstrap) as victim,
    ):
        record, foreign = a_foreign_event(victim, broker.bootstrap)
        noise = os.urandom(3_000_000)  # does not shrink when the producer compresses it
        send_raw(broker.bootstrap, TOPIC, [(b"junk", b"x")], noise)
        send_raw(broker.bootstrap, TOPIC, foreign, record.value or b"")
        eventually(lambda: counted(victim) == 2, "the event behind the large one is counted")
        (letter,) = records(broker.bootstrap, f"{TOPIC}.dead", 1)
        said = dict(letter.headers)
        assert (said["dead_offset"], said["dead_value_left"]) == (b"1", str(len(noise)).encode())
        assert letter.value == b""
