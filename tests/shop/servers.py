"""The servers behind the shop: embedded ones for a bare machine, or real ones that a test can stop."""

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
"""Each domain's topic, and its number of partitions."""
_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class RealServers(Servers):
    """The servers' addresses, and the objects that can stop and restart each on its address."""

    mysql: PrivateMySql
    redis_server: EmbeddedRedis
    broker: KafkaBroker

    def listen(self) -> bool:
        """Return whether each of the servers accepts connections."""
        database = make_url(self.databases[DOMAINS[0]])
        addresses = [f"{database.host}:{database.port}", self.redis.split("/")[2], self.kafka]
        return all(_listens(address) for address in addresses)


@contextmanager
def embedded_servers(folder: Path) -> Iterator[Servers]:
    """Start SQLite files in `folder`, a redis-server, and librdkafka's mock of Kafka in this process."""
    databases = {domain: f"sqlite:///{folder / domain}.db" for domain in DOMAINS}
    with EmbeddedRedis(folder / "redis") as redis, EmbeddedKafka(TOPICS) as kafka:
        yield Servers(databases, redis.url, kafka.bootstrap)


def require_real_servers() -> tuple[Path, Path]:
    """Return the redis-server and the folder of Kafka's jars. Raises `FileNotFoundError` if a program is missing."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise FileNotFoundError("redis-server is not on the PATH: `apt install redis-server`.")
    find_daemon()
    find_java()
    return Path(binary), find_libraries(_ROOT)


@contextmanager
def real_servers(folder: Path) -> Iterator[RealServers]:
    """Start a private MariaDB with three databases, a redis-server and a Kafka broker, and stop them afterwards.

    Raises `FileNotFoundError`, which says what to install, if one of them is not on this machine.
    """
    binary, libraries = require_real_servers()
    with ExitStack() as stack:
        mysql = stack.enter_context(PrivateMySql())
        broker = stack.enter_context(KafkaBroker(libraries))
        redis = stack.enter_context(EmbeddedRedis(folder / "redis", port=children.free_port(), binary=binary))
        server = mysql.start()
        # The databases are not dropped: they vanish with the server, which a test may have killed by then.
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
    client = AdminClient({"bootstrap.servers": bootstrap})  # must outlive its futures
    for made in client.create_topics(topics).values():
        made.result(30)
