"""Factories that every composition root needs: each builds one object of the kits from the settings."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from redis import Redis
from sqlalchemy import Table

from aether_adapters.auth.grants import Grant
from aether_adapters.auth.key_sets import KeySet, Source
from aether_adapters.auth.service_tokens import ServiceTokens, signer
from aether_adapters.auth.tokens import Verifier
from aether_adapters.grpc import AsyncChannel, Channel
from aether_adapters.kafka import BatchHandler, Consumer, Handler, Producer
from aether_adapters.kernel.neighbour import Neighbour
from aether_adapters.observability.neighbours import watched
from aether_adapters.redis import counter_of
from aether_adapters.rest import By, ConnectionLimits, Limit, RestOptions
from aether_adapters.service.backing import BackingServices
from aether_adapters.service.kafka_cluster import kafka_cluster
from aether_adapters.service.outbox_relay import Relay
from aether_adapters.service.settings import CallingServiceSettings, ServiceSettings
from aether_adapters.sql import InboxCleaner, Lease, OutboxReader

_NO_BATCHES: Final[Mapping[str, BatchHandler]] = MappingProxyType({})
_RELAY_SECONDS: Final = 1.5
"""The term of the relay's lease: events wait about so long after its holder was killed."""


def event_producer(settings: ServiceSettings) -> Producer:
    """Return a separate Kafka producer, for events that must not wait behind those of the outbox relay."""
    return Producer(kafka_cluster(settings))


def rest_options(settings: ServiceSettings) -> RestOptions:
    """Return the options of the REST server."""
    return RestOptions(
        body_limit=settings.body_limit,
        bodies_bytes=settings.rest_bodies_bytes,
        deadline=settings.deadline_seconds,
        drain=settings.drain_seconds,
        grace=settings.grace_seconds,
        trusted_proxies=settings.trusted_proxies,
        forwarded_header=settings.rest_forwarded_header,
        codings=settings.rest_encodings,
        cors_origins=settings.cors_origins,
        cors_credentials=settings.cors_credentials,
        hsts=settings.rest_hsts_seconds,
        hsts_subdomains=settings.rest_hsts_subdomains,
        access_log=settings.access_log,
        docs=settings.rest_docs,
        # A worker has only its own; the parent's admin port has those of all.
        metrics=not settings.admin_port and settings.workers == 1
        if settings.rest_metrics is None
        else settings.rest_metrics,
        probes=settings.rest_probes,
        system_rate=settings.rest_system_rate,
        connections=ConnectionLimits(
            head_bytes=settings.rest_head_bytes,
            head_fields=settings.rest_head_fields,
            head_seconds=settings.rest_head_seconds,
            idle_seconds=settings.rest_idle_seconds,
            body_seconds=settings.rest_body_seconds,
            write_seconds=settings.rest_write_seconds,
            connections=settings.rest_connections,
        ),
    )


def shared_limit(client: Redis, edge: str, name: str, by: By, rate: float, burst: int) -> Limit:
    """Return a limit that all processes of `edge` share: counted in Redis, and in each process while Redis is slow."""
    scope = f"{edge}-{name}"
    return Limit(name=name, by=by, rate=rate, burst=burst, counter=counter_of(client), scope=scope)


def caller_limits(client: Redis, edge: str, settings: ServiceSettings) -> tuple[Limit, ...]:
    """Return a limit for each user and one for each address, shared as by `shared_limit`; none for a rate of 0."""
    rates = (
        ("user", By.USER, settings.user_rate, settings.user_burst),
        ("address", By.ADDRESS, settings.address_rate, settings.address_burst),
    )
    return tuple(shared_limit(client, edge, *rate) for rate in rates if rate[2])


def token_verifier(
    settings: ServiceSettings, *published: Callable[[], bytes], pause_seconds: float = 10.0
) -> Verifier:
    """Return a verifier of access tokens, with the key sets in `jwks` and those that `published` read.

    The keys of `published` sign users, like those in `jwks` that say nothing else; see `KeySet` for `pause_seconds`.
    """
    grant = Grant(issuer=settings.token_issuer)
    own = [
        Source(f"published-{number}", read, grant, remote=True) for number, read in enumerate(published, 1)
    ]
    keys = KeySet.from_setting(
        settings.jwks,
        *own,
        issuer=settings.token_issuer,
        ca=settings.jwks_tls_ca,
        pause_seconds=pause_seconds,
    )
    return Verifier(
        keys,
        issuer=settings.token_issuer,
        audience=settings.token_audience.split(),
        life_seconds=settings.token_life_seconds,
    )


def service_tokens(settings: ServiceSettings, service: str, audience: str = "") -> ServiceTokens:
    """Return the source of the tokens that `service` signs for itself; it reads the key when it signs the first one.

    They are meant for `audience`; empty means this service's own, for services that share one.
    """
    issuer = signer(
        settings.service_key,
        settings.service_key_id,
        settings.token_issuer,
        audience or settings.token_audience.split()[0],
    )
    return ServiceTokens(service, issuer)


def service_channel(
    settings: CallingServiceSettings, service: str, target: str, audience: str = ""
) -> Channel:
    """Return a channel to `target` (`host:port`) whose calls carry a token of `service_tokens`.

    It is guarded like `neighbour`.
    """
    tokens = service_tokens(settings, service, audience)
    return Channel(
        target,
        token=tokens,
        timeout=settings.deadline_seconds,
        tls=settings.grpc_channel_tls,
        places=settings.neighbour_places,
        slow_seconds=settings.slow_call_seconds,
        hedge_seconds=settings.hedge_seconds,
    )


def neighbour(settings: ServiceSettings, name: str, probe: Callable[[], object] | None = None) -> Neighbour:
    """Return the guard of a server that is called by other means than gRPC: it holds half of the threads at most.

    Calls that take `slow_call_seconds` count as failed. `name` is its label in metrics; see `Neighbour` for `probe`.
    """
    return watched(
        name, places=settings.neighbour_places, slow_seconds=settings.slow_call_seconds, probe=probe
    )


def rpc_channel(settings: ServiceSettings, service: str) -> Channel:
    """Return a gateway's channel to its own rpc role, for threads: it forwards the caller's token, and vouches for it."""
    tokens = service_tokens(settings, service)
    return Channel(
        settings.rpc_target,
        service_token=tokens,
        timeout=settings.deadline_seconds,
        tls=settings.grpc_channel_tls,
    )


def async_rpc_channel(settings: ServiceSettings, service: str) -> AsyncChannel:
    """Return the same channel for an event loop."""
    tokens = service_tokens(settings, service)
    return AsyncChannel(
        settings.rpc_target,
        service_token=tokens,
        timeout=settings.deadline_seconds,
        tls=settings.grpc_channel_tls,
    )


def outbox_relay(backing: BackingServices, *, outbox: Table, inbox: Table | None = None) -> Relay:
    """Return the relay of a domain's outbox, which also cleans its inbox; of several processes one relays at a time."""
    settings, engine = backing.settings, backing.database
    return Relay(
        OutboxReader(engine, outbox),
        backing.producer,
        Lease(engine, "relay", socket.gethostname(), _RELAY_SECONDS),
        keep=timedelta(days=settings.outbox_days),
        inbox=None if inbox is None else InboxCleaner(engine, inbox),
        inbox_keep=timedelta(days=settings.inbox_days),
    )


def consumer(
    backing: BackingServices,
    group: str,
    topics: Sequence[str],
    handlers: Mapping[str, Handler],
    batches: Mapping[str, BatchHandler] = _NO_BATCHES,
) -> Consumer:
    """Return a member of the consumer group `group`; an event whose handler keeps failing goes to `<topic>.dead`.

    See `Consumer` for `batches`.
    """
    return Consumer(backing.kafka, group, topics, handlers, batches=batches, dead_letters=backing.producer)
