"""Tests of broadcasts: every process gets every event, even one that starts later."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.auth.key_sets import DevelopmentKeys, KeySet
from aether_adapters.auth.revocations import Revocation
from aether_adapters.auth.tokens import Issuer, Verifier
from aether_adapters.kafka import Broadcast, Producer
from aether_adapters.kernel.errors import Unauthenticated
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.service.revocations import revocation_listener
from aether_adapters.service.settings import ServiceSettings

pytestmark = pytest.mark.suite("broadcast")


def test_every_process_gets_every_event(bootstrap: str, topic: str, kit: Any) -> None:
    on_failure: list[list[str]] = [[], []]

    def listener(into: list[str]) -> Broadcast:
        return Broadcast(
            bootstrap, topic, {"Numbered": lambda event: into.append(event.payload.decode())}, since=60
        )

    producer = Producer(bootstrap)
    producer.send(kit.event(topic, 1))
    early, late = (listener(into) for into in on_failure)
    with kit.running(early):
        kit.eventually(early.caught_up.is_set)
        assert on_failure[0] == ["1"]
        producer.send(kit.event(topic, 2))
        kit.eventually(lambda: on_failure[0] == ["1", "2"])
        with kit.running(late):
            kit.eventually(late.caught_up.is_set)
            assert on_failure[1] == ["1", "2"]
            producer.send(kit.event(topic, 3))
            kit.eventually(lambda: on_failure == [["1", "2", "3"]] * 2)
    producer.close()


def test_a_failing_handler_does_not_stop_the_broadcast(bootstrap: str, topic: str, kit: Any) -> None:
    on_failure: list[bytes] = []

    def hear(event: IncomingEvent) -> None:
        if event.payload == b"1":
            raise ZeroDivisionError
        on_failure.append(event.payload)

    producer = Producer(bootstrap)
    producer.send(*(kit.event(topic, number) for number in (1, 2)))
    with kit.running(Broadcast(bootstrap, topic, {"Numbered": hear}, since=60)):
        kit.eventually(lambda: on_failure == [b"2"])
    producer.close()


@pytest.mark.implementation("kafka")
def test_events_older_than_since_are_not_read(kafka_bootstrap: str, topic: str, kit: Any) -> None:
    on_failure: list[bytes] = []
    producer = Producer(kafka_bootstrap)
    producer.send(kit.event(topic, 1))
    time.sleep(1.5)
    producer.send(kit.event(topic, 2))
    listener = Broadcast(
        kafka_bootstrap, topic, {"Numbered": lambda event: on_failure.append(event.payload)}, since=1.0
    )
    with kit.running(listener):
        kit.eventually(listener.caught_up.is_set)
        kit.eventually(lambda: on_failure == [b"2"])
    producer.close()


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
        kit.eventually(lambda: refused(her_phone))
        assert not refused(ann)
        revoke(b"ann/")
        kit.eventually(lambda: refused(ann), seconds=2.0)
        assert not refused(bob)
        assert verifier(issuer.issue("ann", session="3")).subject == "ann", "signed in again"
    producer.close()
