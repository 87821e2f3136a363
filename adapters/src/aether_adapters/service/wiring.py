"""Factories that every composition root needs: each builds one object of the kits from the settings."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from redis import Redis
from sqlalchemy import Table

from aether_adapters.auth.key_sets import KeySet
from aether_adapters.auth.service_tokens import ServiceTokens, signer
from aether_adapters.auth.tokens import Verifier
from aether_adapters.grpc import Channel
from aether_adapters.kafka import Consumer, Handler, Producer
from aether_adapters.redis import FallbackTokenBucket
from aether_adapters.rest import By, Limit, RestOptions
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.outbox_relay import Relay
from aether_adapters.service.settings import CallingServiceSettings, ServiceSettings
from aether_adapters.sql import InboxCleaner, Lease, OutboxReader


def event_producer(settings: ServiceSettings) -> Producer:
    """Return a separate Kafka producer, for events that must not wait behind those of the outbox relay."""
    return Producer(settings.kafka_bootstrap)


def rest_options(settings: ServiceSettings) -> RestOptions:
    """Return the options of the REST server."""
    return RestOptions(
        body_limit=settings.body_limit,
        deadline=settings.deadline_seconds,
        trusted_proxies=settings.trusted_proxies,
    )


def shared_limit(client: Redis, edge: str, name: str, by: By, rate: float, burst: int) -> Limit:
    """Return a limit that all processes of `edge` share: counted in Redis, and in each process while Redis is away."""
    bucket = FallbackTokenBucket(client, f"{edge}-{name}", rate, burst)
    return Limit(name=name, by=by, rate=rate, burst=burst, bucket=bucket)


class CallerRates(Protocol):
    """Settings that limit callers: rates in requests a second, bursts in requests at once."""

    @property
    def user_rate(self) -> float: ...

    @property
    def user_burst(self) -> int: ...

    @property
    def address_rate(self) -> float: ...

    @property
    def address_burst(self) -> int: ...


def caller_limits(client: Redis, edge: str, rates: CallerRates) -> tuple[Limit, Limit]:
    """Return one limit for each user and one for each address, both shared as by `shared_limit`."""
    return (
        shared_limit(client, edge, "user", By.USER, rates.user_rate, rates.user_burst),
        shared_limit(client, edge, "address", By.ADDRESS, rates.address_rate, rates.address_burst),
    )


def token_verifier(
    settings: ServiceSettings, *published: Callable[[], bytes], pause: float = 10.0
) -> Verifier:
    """Return a verifier of access tokens, with the keys at `jwks` and those that `published` read; see `KeySet` for `pause`."""
    return Verifier(
        KeySet.from_all(settings.jwks, *published, pause=pause),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
    )


def service_channel(settings: CallingServiceSettings, service: str, target: str) -> Channel:
    """Return a channel to `target` (`host:port`) whose calls carry a token that `service` signed for itself."""
    issuer = signer(
        settings.service_key,
        settings.service_key_id,
        settings.token_issuer,
        settings.token_audience,
    )
    return Channel(target, token=ServiceTokens(service, issuer), timeout=settings.deadline_seconds)


def outbox_relay(backing: BackingServices, *, outbox: Table, inbox: Table | None = None) -> Relay:
    """Return the relay of a domain's outbox, which also cleans its inbox; of several processes one relays at a time."""
    settings, engine = backing.settings, backing.database
    return Relay(
        OutboxReader(engine, outbox),
        backing.producer,
        Lease(engine, "relay", socket.gethostname()),
        keep=timedelta(days=settings.outbox_days),
        inbox=None if inbox is None else InboxCleaner(engine, inbox),
        inbox_keep=timedelta(days=settings.inbox_days),
    )


def consumer(
    backing: BackingServices, group: str, topics: Sequence[str], handlers: Mapping[str, Handler]
) -> Consumer:
    """Return a member of the consumer group `group`; an event whose handler keeps failing goes to `<topic>.dead`."""
    bootstrap = backing.settings.kafka_bootstrap
    return Consumer(bootstrap, group, topics, handlers, dead_letters=backing.producer)
