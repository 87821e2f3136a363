"""Kafka kit: a producer, at-least-once consumers, dead letters and a probe."""

from aether_adapters.kafka.batching_producer import BatchingProducer
from aether_adapters.kafka.broadcast import Broadcast
from aether_adapters.kafka.consumer import Consumer, Handler
from aether_adapters.kafka.dead_letters import is_transient, replay_dead_letters
from aether_adapters.kafka.envelope import NotAnEvent
from aether_adapters.kafka.probe import probe
from aether_adapters.kafka.producer import Producer, Undelivered

__all__ = [
    "BatchingProducer",
    "Broadcast",
    "Consumer",
    "Handler",
    "NotAnEvent",
    "Producer",
    "Undelivered",
    "is_transient",
    "probe",
    "replay_dead_letters",
]
