"""Tests of broadcasts: every process gets every event, even one that starts later."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.auth.key_sets import KeySet
from aether_adapters.auth.revocations import Revocation
from aether_adapters.auth.tokens import Issuer, Verifier
from aether_adapters.embedded import EmbeddedKafka
from aether_adapters.kafka import Broadcast, Producer
from aether_adapters.kafka.envelope import headers_of
from aether_adapters.kernel.errors import Unauthenticated, Unavailable
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.service.revocations import revocation_listener
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.testing.waiting import eventually
from confluent_kafka import Producer as Client
from prometheus_client import REGISTRY

pytestmark = pytest.mark.suite("broadcast")


def test_every_process_gets_every_event(bootstrap: str, topic: str, kit: Any) -> None:
    on_failure: list[list[str]] = [[], []]

    def listener(into: list[str]) -> Broadcast:
        return Broadcast(
            bootstrap,
            topic,
            {"Numbered": lambda event: into.append(event.payload.decode())},
            since_seconds=60,
        )

    producer = Producer(bootstrap)
    producer.send(kit.event(topic, 1))
    early, late = (listener(into) for into in on_failure)
    with kit.running(early):
        eventually(early.caught_up.is_set)
        assert on_failure[0] == ["1"]
        producer.send(kit.event(topic, 2))
        eventually(lambda: on_failure[0] == ["1", "2"])
        with kit.running(late):
            eventually(late.caught_up.is_set)
            assert on_failure[1] == ["1", "2"]
            producer.send(kit.event(topic, 3))
            eventually(lambda: on_failure == [["1", "2", "3"]] * 2)
    producer.close()


def test_a_failing_handler_does_not_stop_the_broadcast(bootstrap: str, topic: str, kit: Any) -> None:
    on_failure: list[bytes] = []

    def hear(event: IncomingEvent) -> None:
        if event.payload == b"1":
            raise ZeroDivisionError
        on_failure.append(event.payload)

    producer = Producer(bootstrap)
    producer.send(*(kit.event(topic, number) for number in (1, 2)))
    with kit.running(Broadcast(bootstrap, topic, {"Numbered": hear}, since_seconds=60)):
        eventually(lambda: on_failure == [b"2"])
    producer.close()


@pytest.mark.implementation("kafka")
def test_events_older_than_since_are_not_read(kafka_bootstrap: str, topic: str, kit: Any) -> None:
    on_failure: list[bytes] = []
    producer = Producer(kafka_bootstrap)
    producer.send(kit.event(topic, 1))
    time.sleep(1.5)
    producer.send(kit.event(topic, 2))
    listener = Broadcast(
        kafka_bootstrap,
        topic,
        {"Numbered": lambda event: on_failure.append(event.payload)},
        since_seconds=1.0,
    )
    with kit.running(listener):
        eventually(listener.caught_up.is_set)
        eventually(lambda: on_failure == [b"2"])
    producer.close()


def behind(topic: str) -> float:
    """Return what the metric of the topic says, in seconds."""
    return REGISTRY.get_sample_value("aether_broadcast_behind_seconds", {"topic": topic}) or 0.0


def test_a_broadcast_that_loses_kafka_says_since_when_events_may_be_missing(topic: str, kit: Any) -> None:
    with EmbeddedKafka({topic: 2}) as kafka:
        listener = Broadcast(kafka.bootstrap, topic, {}, since_seconds=60)
        with kit.running(listener):
            eventually(listener.caught_up.is_set)
            eventually(lambda: behind(topic) < 3)
            kafka.broker_down()
            eventually(lambda: behind(topic) > 7)
            kafka.broker_up()
            eventually(lambda: behind(topic) < 3)


def test_a_broadcast_that_cannot_reach_kafka_never_claims_to_have_caught_up(topic: str, kit: Any) -> None:
    listener = Broadcast("127.0.0.1:1", topic, {}, since_seconds=60)
    with kit.running(listener):
        time.sleep(1)
        assert not listener.caught_up.is_set()


@pytest.mark.implementation("kafka")
def test_a_revocation_is_heard_for_as_long_as_a_token_may_live(
    kafka_bootstrap: str, topic: str, kit: Any, tmp_path: Path
) -> None:
    pair = DevelopmentKeys(tmp_path).ensure()
    issuer = Issuer(pair.private_key, "tests", "aether", pair.kid)
    hour_ago = time.time() - 3500
    token = issuer.issue("ann", now=hour_ago, seconds=3600)
    event = kit.event(topic, 0)
    client = Client({"bootstrap.servers": kafka_bootstrap})
    client.produce(
        topic,
        b"ann",
        headers=headers_of(event.id, "Revoked", "/test", event.occurred_at, {}),
        timestamp=int((hour_ago + 10) * 1000),
    )
    client.produce(topic, b"later", headers=headers_of("2", "Other", "/test", event.occurred_at, {}))
    client.flush(10)

    verifier = Verifier(KeySet.from_file(pair.jwks), "tests", "aether")
    readers = {"Revoked": lambda _: Revocation(subject="ann", before=hour_ago + 10)}
    listener = revocation_listener(ServiceSettings(kafka_bootstrap=kafka_bootstrap), topic, readers, verifier)
    with pytest.raises(Unavailable):
        verifier(token)
    with kit.running(listener):
        eventually(lambda: _passes(listener.probe))
        with pytest.raises(Unauthenticated, match="revoked"):
            verifier(token)


def _passes(probe: Callable[[], None]) -> bool:
    try:
        probe()
    except Unavailable:
        return False
    return True


def test_a_revoked_token_is_refused_within_two_seconds(
    bootstrap: str, topic: str, kit: Any, tmp_path: Path
) -> None:
    pair = DevelopmentKeys(tmp_path).ensure()
    verifier = Verifier(KeySet.from_file(pair.jwks), "tests", "aether")
    issuer = Issuer(pair.private_key, "tests", "aether", pair.kid)
    ann, her_phone, bob = (
        issuer.issue("ann", session="1"),
        issuer.issue("ann", session="2"),
        issuer.issue("bob"),
    )
    for token in (ann, her_phone, bob):
        verifier(token)

    def read(event: IncomingEvent) -> Revocation:
        subject, _, session = event.payload.decode().partition("/")
        return Revocation(subject=subject, session=session, before=event.occurred_at.timestamp())

    def refused(token: str) -> bool:
        try:
            verifier(token)
        except Unauthenticated:
            return True
        return False

    def revoke(payload: bytes) -> None:
        event = kit.event(topic, 0)
        producer.send(type(event)(type="Revoked", topic=topic, key="ann", payload=payload, source="/test"))

    producer = Producer(bootstrap)
    with kit.running(
        revocation_listener(ServiceSettings(kafka_bootstrap=bootstrap), topic, {"Revoked": read}, verifier)
    ):
        revoke(b"ann/2")
        eventually(lambda: refused(her_phone))
        assert not refused(ann)
        revoke(b"ann/")
        eventually(lambda: refused(ann))
        assert not refused(bob)
        assert verifier(issuer.issue("ann", session="3")).subject == "ann", "signed in again"
    producer.close()
