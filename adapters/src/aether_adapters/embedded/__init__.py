"""Embedded servers for development and tests: need no installation and leave nothing behind."""

from aether_adapters.embedded.kafka import EmbeddedKafka
from aether_adapters.embedded.redis import EmbeddedRedis

__all__ = ["EmbeddedKafka", "EmbeddedRedis"]
