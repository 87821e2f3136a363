"""Redis kit: a client that respects deadlines, a cache, rate limits and a probe."""

from aether_adapters.redis.client import Client, connect, translated
from aether_adapters.redis.fallback_bucket import FallbackTokenBucket
from aether_adapters.redis.probe import probe
from aether_adapters.redis.token_bucket import Allowance, MemoryTokenBucket, TokenBucket

__all__ = [
    "Allowance",
    "Client",
    "FallbackTokenBucket",
    "MemoryTokenBucket",
    "TokenBucket",
    "connect",
    "probe",
    "translated",
]
