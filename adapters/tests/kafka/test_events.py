"""Tests of producer and consumer, on the embedded Kafka and on a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from aether_adapters.kafka import Consumer, Producer, replay_dead_letters
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent
from aether_adapters.testing.waiting import eventually
from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaException
from confluent_kafka import Producer as RawProducer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

pytestmark = pytest.mark.suite("events")


def test_an_event_arrives_as_it_was_sent(bootstrap: str, topic: str, kit: Any) -> None:
    sent = OutgoingEvent(
        type="acme.billing.v1.InvoiceCreated",
        topic=topic,
        key="4711",
        payload=bytes(range(256)),
        source="/acme/billing",
        occurred_at=datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
        headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    )
    Producer(bootstrap).send(sent)
    came: list[IncomingEvent] = []
    with kit.running(Consumer(bootstrap, f"{topic}-readers", [topic], {sent.type: came.append})):
        eventually(lambda: bool(came))
    (event,) = came
    assert {name: getattr(event, name) for name in asdict(sent)} == asdict(sent)
    assert event.offset == 0


def test_the_message_is_a_cloud_event_in_binary_mode(bootstrap: str, topic: str, kit: Any) -> None:
    sent = kit.event(topic, 1)
    Producer(bootstrap).send(sent)
    client = Client({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    client.subscribe([topic])
    message = client.poll(20)
    client.close()
    assert message is not None
    assert (message.key(), message.value()) == (b"1", b"1")
    assert dict(message.headers() or ()) == {
        "ce_specversion": b"1.0",
        "ce_id": sent.id.encode(),
        "ce_type": b"Numbered",
        "ce_source": b"/test",
        "ce_time": sent.occurred_at.isoformat().encode(),
        "content-type": b"application/protobuf",
    }


def test_a_span_of_a_failure_shows_no_secret(
    bootstrap: str, topic: str, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr("aether_adapters.kafka.consumer._TRACER", provider.get_tracer("test"))

    def fail(_: IncomingEvent) -> None:
        raise ValueError("mysql://ann:hunter2@db/x is away")

    Producer(bootstrap).send(kit.event(topic, 1))
    with kit.running(Consumer(bootstrap, f"{topic}-readers", [topic], {"Numbered": fail}, attempts=1)):
        eventually(lambda: bool(spans.get_finished_spans()))
    span = spans.get_finished_spans()[0]
    assert span.status.description == "ValueError: mysql://ann:***@db/x is away"
    assert "hunter2" not in span.to_json()


def test_events_of_one_key_arrive_in_order(bootstrap: str, topic: str, kit: Any) -> None:
    Producer(bootstrap).send(
        *(kit.event(topic, number, key) for number in range(200) for key in ("a", "b", "c"))
    )
    came: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    consumer = Consumer(bootstrap, topic, [topic], {"Numbered": lambda e: came[e.key].append(int(e.payload))})
    with kit.running(consumer):
        eventually(lambda: sum(map(len, came.values())) == 600)
    assert came == {key: list(range(200)) for key in "abc"}


def test_a_restarted_consumer_continues_where_it_stopped(bootstrap: str, topic: str, kit: Any) -> None:
    came: list[int] = []

    def send_and_read(number: int) -> None:
        Producer(bootstrap).send(kit.event(topic, number))
        with kit.running(Consumer(bootstrap, topic, [topic], {"Numbered": _numbers(came)})):
            eventually(lambda: len(came) > number)

    for number in range(3):
        send_and_read(number)
    assert came == [0, 1, 2]


def test_an_event_without_a_handler_is_ignored(bootstrap: str, topic: str, kit: Any) -> None:
    stranger = OutgoingEvent(type="Stranger", topic=topic, key="1", payload=b"?", source="/test")
    Producer(bootstrap).send(stranger, kit.event(topic, 1))
    came: list[int] = []
    with kit.running(Consumer(bootstrap, topic, [topic], {"Numbered": _numbers(came)})):
        eventually(lambda: came == [1])


def test_neighbours_of_one_type_are_handled_together_and_in_order(
    bootstrap: str, topic: str, kit: Any
) -> None:
    stranger = OutgoingEvent(type="Stranger", topic=topic, key="1", payload=b"?", source="/test")
    numbers = [kit.event(topic, number, key="1") for number in range(60)]
    Producer(bootstrap).send(*numbers[:50], stranger, *numbers[50:])
    batches: list[list[int]] = []
    alone: list[int] = []

    def together(events: Sequence[IncomingEvent]) -> None:
        batches.append([int(event.payload) for event in events])

    consumer = Consumer(
        bootstrap, topic, [topic], {"Numbered": _numbers(alone)}, batches={"Numbered": together}
    )
    with kit.running(consumer):
        eventually(lambda: sum(map(len, batches)) + len(alone) == 60)
    assert sorted([*(number for batch in batches for number in batch), *alone]) == list(range(60))
    assert all(batch == sorted(batch) for batch in batches)
    assert max(map(len, batches)) >= 10
    with kit.running(Consumer(bootstrap, topic, [topic], {"Numbered": _numbers(alone)})):
        time.sleep(1)
    assert len(alone) + sum(map(len, batches)) == 60, "what a batch handled was committed"


def test_a_poison_message_in_a_batch_spoils_no_other(bootstrap: str, topic: str, kit: Any) -> None:
    Producer(bootstrap).send(*(kit.event(topic, number, key="1") for number in range(20)))
    came: list[int] = []

    def alone(event: IncomingEvent) -> None:
        if int(event.payload) == 7:
            raise ZeroDivisionError("nobody divides by 7 - 7")
        came.append(int(event.payload))

    def together(events: Sequence[IncomingEvent]) -> None:
        numbers = [int(event.payload) for event in events]
        if 7 in numbers:
            raise ZeroDivisionError("nobody divides by 7 - 7")
        came.extend(numbers)

    consumer = Consumer(bootstrap, topic, [topic], {"Numbered": alone}, batches={"Numbered": together})
    with kit.running(consumer):
        eventually(lambda: len(came) == 19)
    assert came == [number for number in range(20) if number != 7]
    (letter,) = _all(bootstrap, f"{topic}.dead")
    assert letter.value() == b"7"


def test_a_type_that_is_handled_in_batches_needs_a_handler_of_single_events(topic: str) -> None:
    with pytest.raises(ValueError, match="batches of Numbered"):
        Consumer("127.0.0.1:1", topic, [topic], {}, batches={"Numbered": lambda _: None})


def test_a_transient_error_pauses_its_partition_and_keeps_the_order(
    bootstrap: str, topic: str, kit: Any
) -> None:
    Producer(bootstrap).send(*(kit.event(topic, number) for number in range(5)))
    came: list[int] = []
    failures = iter([Unavailable("The database is away.")] * 4)

    def handle(event: IncomingEvent) -> None:
        if int(event.payload) == 2 and (failure := next(failures, None)):
            raise failure
        came.append(int(event.payload))

    with kit.running(Consumer(bootstrap, topic, [topic], {"Numbered": handle})):
        eventually(lambda: len(came) == 5)
    assert came == [0, 1, 2, 3, 4], (
        "4 failures are more than a poison message gets, and still no reason to drop it"
    )


def test_a_paused_partition_does_not_stop_the_others(bootstrap: str, topic: str, kit: Any) -> None:
    events = [kit.event(topic, number, key=str(number)) for number in range(40)]
    Producer(bootstrap).send(*events)
    came: list[int] = []

    def handle(event: IncomingEvent) -> None:
        if event.partition == 0:
            raise Unavailable("The one it needs is away.")
        came.append(event.partition)

    with kit.running(Consumer(bootstrap, topic, [topic], {"Numbered": handle})):
        eventually(lambda: set(came) == {1, 2, 3})


def test_a_poison_message_goes_to_the_dead_letters_and_can_be_replayed(
    bootstrap: str, topic: str, kit: Any
) -> None:
    sent = [kit.event(topic, number) for number in range(3)]
    Producer(bootstrap).send(*sent)
    came: list[int] = []
    poisoned = [1]

    def handle(event: IncomingEvent) -> None:
        if int(event.payload) in poisoned:
            raise ZeroDivisionError("nobody divides by 1 - 1")
        came.append(int(event.payload))

    with kit.running(Consumer(bootstrap, topic, [topic], {"Numbered": handle})):
        eventually(lambda: came == [0, 2])
    (letter,) = _all(bootstrap, f"{topic}.dead")
    headers = dict(letter.headers())
    assert (letter.key(), letter.value(), headers["ce_id"]) == (b"1", b"1", sent[1].id.encode())
    assert (headers["dead_error"], headers["dead_reason"], headers["dead_offset"]) == (
        b"ZeroDivisionError",
        b"nobody divides by 1 - 1",
        b"1",
    )

    poisoned.clear()
    assert replay_dead_letters(bootstrap, topic) == 1
    assert replay_dead_letters(bootstrap, topic) == 0, "a second replay finds nothing new"
    with kit.running(Consumer(bootstrap, topic, [topic], {"Numbered": handle})):
        eventually(lambda: came == [0, 2, 1])
    assert not [name for name, _ in _all(bootstrap, topic)[-1].headers() if name.startswith("dead_")]


def test_an_invalid_event_goes_to_the_dead_letters_at_once(bootstrap: str, topic: str, kit: Any) -> None:
    raw = RawProducer({"bootstrap.servers": bootstrap})
    raw.produce(topic, b"not an event", b"1", headers=[("x", b"\xff"), ("y", None)])
    raw.flush(20)
    came: list[int] = []
    with kit.running(Consumer(bootstrap, topic, [topic], {"Numbered": _numbers(came)})):
        eventually(lambda: bool(_all(bootstrap, f"{topic}.dead")))
    (letter,) = _all(bootstrap, f"{topic}.dead")
    headers = dict(letter.headers())
    assert (letter.key(), letter.value(), headers["x"], headers["y"]) == (
        b"1",
        b"not an event",
        b"\xff",
        None,
    )
    assert b"no ce_id" in headers["dead_reason"]


def test_two_members_share_the_partitions_and_one_takes_over(bootstrap: str, topic: str, kit: Any) -> None:
    producer = Producer(bootstrap)
    came: list[tuple[str, int]] = []

    def member(name: str) -> Consumer:
        return Consumer(
            bootstrap, topic, [topic], {"Numbered": lambda e: came.append((name, int(e.payload)))}
        )

    numbers = iter(range(10_000))

    def send_until(holds: Callable[[], bool]) -> None:
        def sent_and_holds() -> bool:
            number = next(numbers)
            producer.send(kit.event(topic, number, key=str(number)))
            return holds()

        eventually(sent_and_holds)

    with kit.running(member("first")):
        send_until(lambda: bool(came))
        with kit.running(member("second")):
            send_until(lambda: {"first", "second"} <= {name for name, _ in came[-20:]})
        send_until(lambda: len(came) > 20 and {name for name, _ in came[-20:]} == {"first"})
        total = next(numbers)
        eventually(lambda: len({number for _, number in came}) == total)
    assert {number for _, number in came} == set(range(total))


def _numbers(into: list[int]) -> Callable[[IncomingEvent], None]:
    return lambda event: into.append(int(event.payload))


def _watermarks(client: Any, partition: Any) -> tuple[int, int]:
    """Return first and next offset; retries while a new partition has no leader."""
    for _ in range(50):
        try:
            low, high = client.get_watermark_offsets(partition, timeout=10)
        except KafkaException as error:
            if not error.args[0].retriable() and error.args[0].name() != "NOT_LEADER_FOR_PARTITION":
                raise
            time.sleep(0.1)
        else:
            return low, high
    raise AssertionError(f"{partition} has had no leader for 5 s")


def _all(bootstrap: str, topic: str) -> list[Any]:
    """Return every current message of a topic, by partition and offset."""
    from confluent_kafka import TopicPartition

    client = Client({"bootstrap.servers": bootstrap, "group.id": "looking", "enable.auto.commit": False})
    partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
    found = []
    for partition in partitions:
        low, high = _watermarks(client, TopicPartition(topic, partition))
        client.assign([TopicPartition(topic, partition, low)])
        while low < high:
            message = client.poll(10)
            assert message is not None
            assert message.error() is None
            found.append(message)
            low += 1
    client.close()
    return found
