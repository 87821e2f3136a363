"""Real servers for a machine that has none: the same adapters, nothing to install, nothing left behind."""

from aether_adapters.embedded.kafka import EmbeddedKafka
from aether_adapters.embedded.redis import EmbeddedRedis

__all__ = ["EmbeddedKafka", "EmbeddedRedis"]
