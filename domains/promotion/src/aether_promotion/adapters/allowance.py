"""Limits the requests that go to SQL while Redis is down, with a token bucket of this process."""

from aether_adapters.kernel.errors import Exhausted
from aether_adapters.redis import MemoryTokenBucket


class LocalAllowance:
    """Allows `burst` requests at once, refilled at `rate` per second. Raises `Exhausted`."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._bucket = MemoryTokenBucket(rate, burst)

    def take(self) -> None:
        taken = self._bucket("all")
        if not taken.allowed:
            raise Exhausted(
                "Too many requests at once: try again in a moment.", retry_after=taken.retry_after
            )
