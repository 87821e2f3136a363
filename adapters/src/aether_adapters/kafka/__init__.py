"""Kafka: events out of the outbox, events in at least once, dead letters, and whether a broker is there."""

from aether_adapters.kafka.broadcast import Broadcast
from aether_adapters.kafka.consumer import Consumer, Handler, is_transient
from aether_adapters.kafka.deadletters import replay_dead_letters
from aether_adapters.kafka.envelope import NotAnEvent
from aether_adapters.kafka.probe import probe
from aether_adapters.kafka.producer import Producer, Undelivered
from aether_adapters.kafka.relay import Relay
from aether_adapters.kafka.shared import SharedProducer

__all__ = [
    "Broadcast",
    "Consumer",
    "Handler",
    "NotAnEvent",
    "Producer",
    "Relay",
    "SharedProducer",
    "Undelivered",
    "is_transient",
    "probe",
    "replay_dead_letters",
]
