"""The servers behind a service: its database, Redis and Kafka, one client of each in a process."""

from __future__ import annotations

from functools import cached_property

from redis import Redis
from sqlalchemy import Engine

from aether_adapters import redis, sql
from aether_adapters.ids import WorkerLease
from aether_adapters.kafka import Producer
from aether_adapters.service.settings import ServiceSettings


class BackingServices:
    """Creates each client on first use and keeps it; creating one opens no connection.

    `redis_timeout_seconds` limits a Redis command and `redis_connect_seconds` the opening of a connection, each
    unless a deadline is nearer.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        redis_timeout_seconds: float = 5.0,
        redis_connect_seconds: float = 2.0,
    ) -> None:
        self.settings = settings
        self._redis_timeout_seconds = redis_timeout_seconds
        self._redis_connect_seconds = redis_connect_seconds

    @cached_property
    def database(self) -> Engine:
        """The pool of SQL connections. Raises `ValueError` for an address of another kind, as `sql.connect`."""
        return sql.connect(self.settings.database_url, pool=self.settings.connections)

    @cached_property
    def redis(self) -> Redis:
        """The Redis client with its pool. Raises `ValueError` for an address of another kind."""
        return redis.connect(
            self.settings.redis_url,
            pool=self.settings.connections,
            timeout_seconds=self._redis_timeout_seconds,
            connect_seconds=self._redis_connect_seconds,
        )

    @cached_property
    def producer(self) -> Producer:
        """The Kafka producer of the outbox relay and of dead letters."""
        return Producer(self.settings.kafka_bootstrap)

    @cached_property
    def worker_number(self) -> WorkerLease:
        """The lease of this process's worker number, which its ids carry; `Process` starts and ends it."""
        return WorkerLease(self.database)
