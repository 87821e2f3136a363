"""Kafka kit: a producer, at-least-once consumers, dead letters and a probe."""

from aether_adapters.kafka.batches import BatchHandler
from aether_adapters.kafka.batching_producer import BatchingProducer
from aether_adapters.kafka.broadcast import Broadcast
from aether_adapters.kafka.cluster import Cluster, Sasl
from aether_adapters.kafka.consumer import Consumer, Handler
from aether_adapters.kafka.dead_letters import is_transient
from aether_adapters.kafka.envelope import NotAnEvent
from aether_adapters.kafka.probe import probe
from aether_adapters.kafka.producer import Producer, Undelivered
from aether_adapters.kafka.replay import replay_dead_letters

__all__ = [
    "BatchHandler",
    "BatchingProducer",
    "Broadcast",
    "Cluster",
    "Consumer",
    "Handler",
    "NotAnEvent",
    "Producer",
    "Sasl",
    "Undelivered",
    "is_transient",
    "probe",
    "replay_dead_letters",
]
