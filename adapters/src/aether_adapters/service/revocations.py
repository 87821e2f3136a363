"""Subscription to revoked access tokens, published by the service that issues them.

Each process keeps them in memory, so a token is refused without a call to another service: within a second or two
while Kafka is up, and at the latest when the token expires. A process that starts reads those of the past first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from aether_adapters.auth.revocations import Revocation
from aether_adapters.auth.tokens import Verifier
from aether_adapters.kafka.broadcast import Broadcast
from aether_adapters.kafka.stop import Stop
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.service.kafka_cluster import kafka_cluster
from aether_adapters.service.settings import ServiceSettings

_CLOCK_DIFFERENCE_SECONDS: Final = 60.0
"""A token outlives its life by the verifier's leeway, and other machines have other clocks."""
_PATIENCE_SECONDS: Final = 10.0
_LOG: Final = structlog.get_logger("aether.tokens")


class RevocationListener:
    """Hears revocations while it runs.

    Until it has heard those of the past, `probe` fails; with `serves_without` only for ten seconds.
    """

    def __init__(self, broadcast: Broadcast, *, serves_without: bool) -> None:
        self._broadcast = broadcast
        self._serves_without = serves_without
        self._patient_until = float("inf")
        self._warned = False

    def run(self, stop: Stop, /) -> None:
        """Listen until `stop` is set."""
        self._patient_until = time.monotonic() + _PATIENCE_SECONDS
        self._broadcast.run(stop)

    def probe(self) -> None:
        """Raise `Unavailable` if tokens may have been revoked that this process has not heard of."""
        if self._broadcast.caught_up.is_set():
            return
        if not self._serves_without or time.monotonic() < self._patient_until:
            raise Unavailable("Revoked tokens have not been read from Kafka yet; try again.", retry_after=1.0)
        if not self._warned:
            self._warned = True
            _LOG.warning("serving without revocations", waited_seconds=_PATIENCE_SECONDS)


def revocation_listener(
    settings: ServiceSettings,
    topic: str,
    readers: Mapping[str, Callable[[IncomingEvent], Revocation]],
    verifier: Verifier,
) -> RevocationListener:
    """Return a subscription that passes each revocation on `topic` to `verifier`; run it beside the servers.

    `readers` map an event type to the function that reads the event. The subscription starts as far back as a token
    may live, and `verifier` refuses all tokens until it has read what was there at its start.
    """

    def hear(event: IncomingEvent) -> None:
        revoked = readers[event.type](event)
        if revoked.session:
            verifier.revoke(session=revoked.session, before=revoked.before)
        else:
            verifier.revoke(subject=revoked.subject, before=revoked.before)

    since = settings.token_life_seconds + _CLOCK_DIFFERENCE_SECONDS
    broadcast = Broadcast(kafka_cluster(settings), topic, dict.fromkeys(readers, hear), since_seconds=since)
    listener = RevocationListener(broadcast, serves_without=settings.serve_without_revocations)
    verifier.wait_for(listener.probe)
    return listener
