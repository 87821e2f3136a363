"""The log of claims: a topic that keeps the claims of one template in order."""

import time
from collections.abc import Callable
from typing import Final

from aether_adapters.kafka import BatchingProducer
from aether_adapters.kernel.deadline import remaining, within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable

from aether_promotion.adapters.events import outgoing
from aether_promotion.domain.events import ClaimDecided

_SEND_TIMEOUT_SECONDS: Final = 2.5
"""How long a claim may take to reach Kafka: less than a request's deadline, so that the caller gets an answer."""


class KafkaClaimLog:
    """`append` returns once every in-sync replica has the claim; claims of many callers are sent as one batch.

    Raises `Unavailable` if Kafka does not accept the claim in time; it may still arrive. For `pause` seconds after
    that, every claim fails at once: while Kafka is down, claims must not block the threads that sell seats. `clock`
    counts seconds.
    """

    def __init__(
        self, producer: BatchingProducer, *, pause: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._producer = producer
        self._pause = pause
        self._clock = clock
        self._away_until = float("-inf")

    def append(self, claim: ClaimDecided, /) -> None:
        if self._clock() < self._away_until:
            raise self._away()
        try:
            with within(_SEND_TIMEOUT_SECONDS):
                self._producer.send(outgoing(claim))
        except (Unavailable, DeadlineExceeded) as error:
            self._away_until = self._clock() + self._pause
            remaining(_SEND_TIMEOUT_SECONDS)
            raise self._away() from error

    def _away(self) -> Unavailable:
        return Unavailable("Claims cannot be stored at the moment: try again.", retry_after=self._pause)
