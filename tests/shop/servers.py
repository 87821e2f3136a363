"""The servers behind the shop: embedded ones for a bare machine, or real ones that a test can take away."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.testing.kafka import KafkaBroker, find_java, find_libraries
from aether_adapters.testing.mysql import PrivateMySql, find_daemon
from aether_tools.runner.plan import Servers
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from sqlalchemy import make_url

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

    def listen(self) -> bool:
        """Whether each of the servers takes connections."""
        database = make_url(self.databases[DOMAINS[0]])
        addresses = [f"{database.host}:{database.port}", self.redis.split("/")[2], self.kafka]
        return all(_listens(address) for address in addresses)


@contextmanager
def embedded_servers(folder: Path) -> Iterator[Servers]:
    """SQLite files in `folder`, a redis-server, and librdkafka's mock of Kafka inside this process."""
    databases = {domain: f"sqlite:///{folder / domain}.db" for domain in DOMAINS}
    with EmbeddedRedis(folder / "redis") as redis, EmbeddedKafka(TOPICS) as kafka:
        yield Servers(databases, redis.url, kafka.bootstrap)


def require_real_servers() -> tuple[Path, Path]:
    """The redis-server and the folder of Kafka's jars; raises `FileNotFoundError` where a program is missing."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise FileNotFoundError("There is no redis-server on the PATH: `apt install redis-server`.")
    find_daemon()
    find_java()
    return Path(binary), find_libraries(_ROOT)


@contextmanager
def real_servers(folder: Path) -> Iterator[RealServers]:
    """A MariaDB with three databases, a redis-server and a Kafka broker: nobody else's, and gone afterwards.

    Raises `FileNotFoundError`, which says what to install, where one of them is not on this machine.
    """
    binary, libraries = require_real_servers()
    with ExitStack() as stack:
        mysql = stack.enter_context(PrivateMySql())
        broker = stack.enter_context(KafkaBroker(libraries))
        redis = stack.enter_context(EmbeddedRedis(folder / "redis", port=children.free_port(), binary=binary))
        server = mysql.start()
        # Never dropped: they go with the server, which a test may have killed by then.
        databases = {domain: server.create() for domain in DOMAINS}
        _make_topics(broker.bootstrap)
        yield RealServers(databases, redis.url, broker.bootstrap, mysql, redis, broker)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def _make_topics(bootstrap: str) -> None:
    topics = [NewTopic(topic, num_partitions=partitions) for topic, partitions in TOPICS.items()]
    client = AdminClient({"bootstrap.servers": bootstrap})  # must outlive what it was asked for
    for made in client.create_topics(topics).values():
        made.result(30)
