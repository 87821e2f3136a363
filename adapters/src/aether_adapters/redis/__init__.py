"""Redis: one client with deadlines, rate limits, and a probe."""

from aether_adapters.redis.bucket import Allowance, MemoryTokenBucket, TokenBucket
from aether_adapters.redis.connection import Client, connect, translated
from aether_adapters.redis.health import probe
from aether_adapters.redis.steady import SteadyBucket

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
