"""Subscription to revoked access tokens, published by the service that issues them.

Each process keeps them in memory, so a token is refused without a call to another service: within a second or two
while Kafka is up, and at the latest when the token expires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aether_adapters.auth.revocations import Revocation
from aether_adapters.auth.tokens import Verifier
from aether_adapters.kafka.broadcast import Broadcast
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.service.settings import ServiceSettings


def revocation_listener(
    settings: ServiceSettings,
    topic: str,
    readers: Mapping[str, Callable[[IncomingEvent], Revocation]],
    verifier: Verifier,
    *,
    seconds: float = 900.0,
) -> Broadcast:
    """Return a subscription that passes each revocation on `topic` to `verifier`; run it beside the servers.

    `readers` map an event type to the function that reads the event. `seconds` is how far back the subscription starts:
    at least the lifetime of an access token.
    """

    def hear(event: IncomingEvent) -> None:
        revoked = readers[event.type](event)
        if revoked.session:
            verifier.revoke(session=revoked.session, before=revoked.before)
        else:
            verifier.revoke(subject=revoked.subject, before=revoked.before)

    return Broadcast(settings.kafka_bootstrap, topic, dict.fromkeys(readers, hear), since=seconds)
