"""Access tokens that count no longer though they have not expired, heard of from the service that revokes them.

Each process remembers them itself, so a token is refused without asking anybody: within a second or two where
Kafka is up, and at the latest when it expires.
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
    """Tells `verifier` of every revocation on `topic`; run it beside the servers.

    `readers` turn events into revocations, by event type. `seconds` is how far back to look at the start: no less
    than an access token lives.
    """

    def hear(event: IncomingEvent) -> None:
        revoked = readers[event.type](event)
        if revoked.session:
            verifier.revoke(session=revoked.session, before=revoked.before)
        else:
            verifier.revoke(subject=revoked.subject, before=revoked.before)

    return Broadcast(settings.kafka_bootstrap, topic, dict.fromkeys(readers, hear), since=seconds)
