"""What the composition root of every service makes of its settings in the same way, one function each."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta

from redis import Redis
from sqlalchemy import Engine, Table

from aether_adapters.auth.key_sets import Keys
from aether_adapters.auth.service_tokens import ServiceTokens, signer
from aether_adapters.auth.tokens import Verifier
from aether_adapters.grpc import Channel
from aether_adapters.kafka import Producer
from aether_adapters.redis import FallbackTokenBucket
from aether_adapters.rest import By, Limit, RestOptions
from aether_adapters.service.outbox_relay import Relay
from aether_adapters.service.settings import CallingServiceSettings, ServiceSettings
from aether_adapters.sql import InboxCleaner, Lease, OutboxReader


def rest_options(settings: ServiceSettings) -> RestOptions:
    """How the REST edge serves."""
    return RestOptions(
        body_limit=settings.body_limit,
        deadline=settings.deadline_seconds,
        trusted_proxies=settings.trusted_proxies,
    )


def shared_limit(client: Redis, edge: str, name: str, by: By, rate: float, burst: int) -> Limit:
    """A limit that all processes of `edge` share: counted in Redis, and by each for itself while that is away."""
    bucket = FallbackTokenBucket(client, f"{edge}-{name}", rate, burst)
    return Limit(name=name, by=by, rate=rate, burst=burst, bucket=bucket)


def token_verifier(
    settings: ServiceSettings, *published: Callable[[], bytes], pause: float = 10.0
) -> Verifier:
    """Verifies access tokens with the keys at `jwks`, and those that `published` read; see `Keys` for `pause`."""
    return Verifier(
        Keys.from_all(settings.jwks, *published, pause=pause),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
    )


def service_channel(settings: CallingServiceSettings, service: str, target: str) -> Channel:
    """A channel to the service at `target` (`host:port`), whose calls carry a token of `service` itself."""
    issuer = signer(
        settings.service_key,
        settings.service_key_id,
        settings.token_issuer,
        settings.token_audience,
    )
    return Channel(target, token=ServiceTokens(service, issuer), timeout=settings.deadline_seconds)


def outbox_relay(
    settings: ServiceSettings,
    engine: Engine,
    producer: Producer,
    *,
    outbox: Table,
    inbox: Table | None = None,
) -> Relay:
    """The relay of a domain's outbox, one at a time over its database; it cleans the inbox of a domain that has one."""
    return Relay(
        OutboxReader(engine, outbox),
        producer,
        Lease(engine, "relay", socket.gethostname()),
        keep=timedelta(days=settings.outbox_days),
        inbox=None if inbox is None else InboxCleaner(engine, inbox),
        inbox_keep=timedelta(days=settings.inbox_days),
    )
