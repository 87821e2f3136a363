"""The log of claims: a topic, in which the claims of one template stand in one order."""

import time
from collections.abc import Callable
from typing import Final

from aether_adapters.kafka import BatchingProducer
from aether_adapters.kernel.deadline import remaining, within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable

from aether_promotion.adapters.events import outgoing
from aether_promotion.domain.events import ClaimDecided

_PATIENCE: Final = 2.5
"""Seconds a claim may take to reach Kafka: less than a request has, so that its caller is told and not left waiting."""


class KafkaClaimLog:
    """Returns when every replica in sync has the claim; those of many callers travel together.

    Raises `Unavailable` where Kafka does not take it in time; it may arrive all the same. After that Kafka is left
    alone for `pause` seconds: while it is away, claims must not take the threads that sell seats. `clock` counts seconds.
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
            with within(_PATIENCE):
                self._producer.send(outgoing(claim))
        except (Unavailable, DeadlineExceeded) as error:
            self._away_until = self._clock() + self._pause
            remaining(_PATIENCE)
            raise self._away() from error

    def _away(self) -> Unavailable:
        return Unavailable("Claims cannot be kept just now: try again.", retry_after=self._pause)
