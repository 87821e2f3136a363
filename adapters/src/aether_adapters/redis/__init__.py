"""Redis kit: a client that respects deadlines, a cache, rate limits and a probe."""

from aether_adapters.kernel.rate_limits import Allowance
from aether_adapters.redis.client import Client, connect, translated
from aether_adapters.redis.fallback_counter import FallbackCounter, counter_of
from aether_adapters.redis.memory_counter import MemoryCounter
from aether_adapters.redis.probe import probe
from aether_adapters.redis.token_bucket import FallbackTokenBucket, MemoryTokenBucket

__all__ = [
    "Allowance",
    "Client",
    "FallbackCounter",
    "FallbackTokenBucket",
    "MemoryCounter",
    "MemoryTokenBucket",
    "connect",
    "counter_of",
    "probe",
    "translated",
]
