"""How much SQL takes upon itself while Redis is away: a bucket of this process, because there is no Redis to share one."""

from aether_adapters.kernel.errors import Exhausted
from aether_adapters.redis import MemoryTokenBucket


class LocalAllowance:
    """`burst` at once, and `rate` in a second from then on; raises `Exhausted`."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._bucket = MemoryTokenBucket(rate, burst)

    def take(self) -> None:
        taken = self._bucket("all")
        if not taken.allowed:
            raise Exhausted("Too many ask at once: come back in a moment.", retry_after=taken.retry_after)
