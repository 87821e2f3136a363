"""The servers behind a service: its database, Redis and Kafka, one client of each in a process."""

from __future__ import annotations

from functools import cached_property

from redis import Redis
from sqlalchemy import Engine

from aether_adapters import redis, sql
from aether_adapters.ids import WorkerLease
from aether_adapters.kafka import Cluster, Producer
from aether_adapters.service.kafka_cluster import kafka_cluster
from aether_adapters.service.secret_files import file_of, read
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.service.variables import WrongSetting


class BackingServices:
    """Creates each client on first use and keeps it; creating one opens no connection.

    `redis_timeout_seconds` limits a Redis command and `redis_connect_seconds` the opening of a connection, each
    unless a deadline is nearer. They are short, because what needs Redis has another source or a caller that tries again.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        redis_timeout_seconds: float = 0.15,
        redis_connect_seconds: float = 0.5,
    ) -> None:
        self.settings = settings
        self._redis_timeout_seconds = redis_timeout_seconds
        self._redis_connect_seconds = redis_connect_seconds

    @cached_property
    def database(self) -> Engine:
        """The pool of SQL connections; if the address is in a file, new ones use the password that is there now.

        Raises `ValueError` for an address of another kind, as `sql.connect`.
        """
        file = file_of(type(self.settings), "database_url")
        return sql.connect(
            self.settings.database_url,
            pool=self.settings.connections,
            tls=self.settings.database_tls,
            current_url=None if file is None else lambda: read(file),
            places=self.settings.database_places,
        )

    @cached_property
    def redis(self) -> Redis:
        """The Redis client with its pool. Raises `WrongSetting` without an address, `ValueError` for one of another kind."""
        if not self.settings.redis_url:
            purpose = type(self.settings).model_fields["redis_url"].description
            raise WrongSetting(
                f"{self.settings.variable('redis_url')} is empty, but this service uses Redis. It is for: {purpose}"
            )
        return redis.connect(
            self.settings.redis_url,
            pool=self.settings.connections,
            timeout_seconds=self._redis_timeout_seconds,
            connect_seconds=self._redis_connect_seconds,
            tls=self.settings.redis_tls,
            places=self.settings.neighbour_places,
        )

    @cached_property
    def kafka(self) -> Cluster:
        """The Kafka cluster. Raises `ValueError` for settings that do not fit each other."""
        return kafka_cluster(self.settings)

    @cached_property
    def producer(self) -> Producer:
        """The Kafka producer of the outbox relay and of dead letters."""
        return Producer(self.kafka)

    @cached_property
    def worker_number(self) -> WorkerLease:
        """The lease of this process's worker number, which its ids carry; `Process` starts and ends it."""
        return WorkerLease(self.database)
