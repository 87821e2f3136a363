"""Redis: one client with deadlines, rate limits, and a probe."""

from aether_adapters.redis.client import Client, connect, translated
from aether_adapters.redis.fallback_bucket import SteadyBucket
from aether_adapters.redis.probe import probe
from aether_adapters.redis.token_bucket import Allowance, MemoryTokenBucket, TokenBucket

__all__ = [
    "Allowance",
    "Client",
    "MemoryTokenBucket",
    "SteadyBucket",
    "TokenBucket",
    "connect",
    "probe",
    "translated",
]
