"""Tests of the embedded Kafka: protocol, topics, injected faults."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from aether_adapters.embedded import EmbeddedKafka, children
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer


@pytest.fixture
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka({"shop.v1": 3}) as server:
        yield server


def _produce(bootstrap: str, value: bytes, seconds: float = 5) -> list[KafkaError | None]:
    """Return the errors of one delivery: `[None]` if confirmed, `[]` if nothing was reported in time."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0, "retries": 0})
    outcomes: list[KafkaError | None] = []
    producer.produce("shop.v1", value, key=b"1", on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(seconds)
    producer.purge()
    return outcomes


def _first(bootstrap: str, protocol: str, group: str = "readers") -> bytes | None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{group}-{protocol}",
            "group.protocol": protocol,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe(["shop.v1"])
    message = consumer.poll(10)
    consumer.close()
    return None if message is None else message.value()


def test_topics_have_the_given_number_of_partitions(kafka: EmbeddedKafka) -> None:
    kafka.create_topic("later.v1", 7)
    topics = Producer({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=5).topics
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {"shop.v1": 3, "later.v1": 7}


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_the_first_consumer_gets_its_first_message_at_once(kafka: EmbeddedKafka, protocol: str) -> None:
    assert _produce(kafka.bootstrap, b"hello") == [None]

    def seconds(group: str) -> float:
        started = time.monotonic()
        assert _first(kafka.bootstrap, protocol, group) == b"hello"
        return time.monotonic() - started

    # A group that waited for others to join would do so each time, a busy machine is not as faithful.
    assert any(seconds(group) < 2.5 for group in ("first", "second", "third", "fourth"))


def test_a_fixed_port_works_like_a_free_one() -> None:
    port = children.free_port()
    with EmbeddedKafka({"shop.v1": 1}, port=port) as kafka:
        assert kafka.bootstrap == f"127.0.0.1:{port}"
        brokers = Producer({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=5).brokers
        assert [(broker.host, broker.port) for broker in brokers.values()] == [("127.0.0.1", port)]
        assert _produce(kafka.bootstrap, b"through") == [None]
        assert _first(kafka.bootstrap, "consumer") == b"through"
        with pytest.raises(OSError, match="in use"):
            EmbeddedKafka(port=port).start()


def test_a_pushed_error_is_returned_once(kafka: EmbeddedKafka) -> None:
    produce = 0
    kafka.push_errors(produce, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    first, second = _produce(kafka.bootstrap, b"no"), _produce(kafka.bootstrap, b"yes")
    assert [error and error.code() for error in first + second] == [
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        None,
    ]


def test_cleared_errors_are_not_returned(kafka: EmbeddedKafka) -> None:
    produce = 0
    kafka.push_errors(produce, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    kafka.clear_errors(produce)
    assert _produce(kafka.bootstrap, b"yes") == [None]


def test_a_broker_responds_again_after_broker_up(kafka: EmbeddedKafka) -> None:
    kafka.broker_down()
    with pytest.raises(KafkaException):
        Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0}).list_topics(timeout=0.3)
    kafka.broker_up()
    assert _produce(kafka.bootstrap, b"back") == [None]


def test_rtt_delays_responses(kafka: EmbeddedKafka) -> None:
    client = Producer({"bootstrap.servers": kafka.bootstrap})
    client.list_topics(timeout=5)
    kafka.rtt(200)
    started = time.monotonic()
    client.list_topics(timeout=5)
    assert time.monotonic() - started >= 0.2


def test_using_a_stopped_server_raises() -> None:
    with pytest.raises(RuntimeError, match=r"call start\(\) first"):
        EmbeddedKafka().bootstrap  # noqa: B018
