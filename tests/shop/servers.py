"""The servers behind the shop: embedded ones for a bare machine, or real ones that a test can take away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.testing.kafka import KafkaBroker, find_libraries
from aether_adapters.testing.mysql import PrivateMySql
from aether_tools.runner.plan import Servers
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

DOMAINS: Final = ("user", "promotion", "trade")
TOPICS: Final = {f"aether.{domain}.v1": 2 for domain in DOMAINS}
"""Each domain's topic, and how many partitions it has."""
_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class RealServers(Servers):
    """Where the servers are, and what they are held by: each can be ended and started again on its address."""

    mysql: PrivateMySql
    redis_server: EmbeddedRedis
    broker: KafkaBroker


@contextmanager
def embedded_servers(folder: Path) -> Iterator[Servers]:
    """SQLite files in `folder`, a redis-server, and librdkafka's mock of Kafka inside this process."""
    databases = {domain: f"sqlite:///{folder / domain}.db" for domain in DOMAINS}
    with EmbeddedRedis(folder / "redis") as redis, EmbeddedKafka(TOPICS) as kafka:
        yield Servers(databases, redis.url, kafka.bootstrap)


@contextmanager
def real_servers(folder: Path) -> Iterator[RealServers]:
    """A MariaDB with three databases, a redis-server and a Kafka broker: nobody else's, and gone afterwards.

    Raises `FileNotFoundError`, which says what to install, where one of them is not on this machine.
    """
    binary = shutil.which("redis-server")
    if binary is None:
        raise FileNotFoundError("There is no redis-server on the PATH: `apt install redis-server`.")
    libraries = find_libraries(_ROOT)
    with ExitStack() as stack:
        mysql = stack.enter_context(PrivateMySql())
        broker = stack.enter_context(KafkaBroker(libraries))
        redis = stack.enter_context(
            EmbeddedRedis(folder / "redis", port=children.free_port(), binary=Path(binary))
        )
        server = mysql.start()
        databases = {domain: stack.enter_context(server.database()) for domain in DOMAINS}
        _make_topics(broker.bootstrap)
        yield RealServers(databases, redis.url, broker.bootstrap, mysql, redis, broker)


def _make_topics(bootstrap: str) -> None:
    topics = [NewTopic(topic, num_partitions=partitions) for topic, partitions in TOPICS.items()]
    client = AdminClient({"bootstrap.servers": bootstrap})  # must outlive what it was asked for
    for made in client.create_topics(topics).values():
        made.result(30)
