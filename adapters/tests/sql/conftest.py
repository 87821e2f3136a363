"""Fixtures: the databases of every SQL test, SQLite in a file and a real MariaDB or MySQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aether_adapters.ids import worker_lease_table
from aether_adapters.sql import BigId, connect, inbox_table, lease_table, outbox_table
from sqlalchemy import Column, Engine, MetaData, String, Table
from sqlalchemy.engine import URL

METADATA = MetaData()
OUTBOX = outbox_table(METADATA)
INBOX = inbox_table(METADATA)
LEASES = lease_table(METADATA)
WORKERS = worker_lease_table(METADATA)
ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("owner", String(20), nullable=False, unique=True),
    Column("balance", BigId, nullable=False),
    Column("version", BigId, nullable=False),
)


@pytest.fixture(params=["sqlite", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return URL.create("sqlite", database=str(tmp_path / "test.db")).render_as_string()
    address: str = request.getfixturevalue("mysql_url")
    engine = connect(address)
    left = MetaData()
    left.reflect(engine)
    left.drop_all(engine)
    engine.dispose()
    return address


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An engine with empty tables."""
    engine = connect(url)
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def accounts() -> Table:
    return ACCOUNTS


@pytest.fixture
def outbox() -> Table:
    return OUTBOX


@pytest.fixture
def inbox() -> Table:
    return INBOX
