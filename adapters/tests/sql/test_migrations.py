"""Tests of migrations: concurrent starts, failures, and drift between schema and tables."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.sql import connect, is_current, migrate, outbox_table, pending_changes
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, inspect, text

ENV = """
from sqlalchemy import Column, Integer, MetaData, String, Table
from aether_adapters.sql import run_migrations
metadata = MetaData()
Table("shelves", metadata, Column("id", Integer, primary_key=True), Column("label", String(20), nullable=False))
run_migrations(metadata)
"""

FIRST = """
import time
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade():
    op.create_table("shelves", sa.Column("id", sa.Integer, primary_key=True))
    time.sleep(0.2)
    op.execute("INSERT INTO shelves (id) VALUES (1)")
"""

SECOND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    with op.batch_alter_table("shelves") as table:
        table.add_column(sa.Column("label", sa.String(20), nullable=False, server_default="top"))
"""

BROKEN = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0003", "0002"
def upgrade():
    op.create_table("boxes", sa.Column("id", sa.Integer, primary_key=True))
    raise LookupError("half-way")
"""

STARTERS = """
import os, sys
import alembic.command
from aether_adapters.sql import migrate

children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        try:
            migrate(*sys.argv[1:])
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""

SHELVES = MetaData()
Table(
    "shelves",
    SHELVES,
    Column("id", Integer, primary_key=True),
    Column("label", String(20), nullable=False, server_default="top"),
)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations with 100% spaces"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    (folder / "versions" / "0001_shelves.py").write_text(FIRST)
    (folder / "versions" / "0002_labels.py").write_text(SECOND)
    return folder


@pytest.fixture
def empty(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


def test_processes_that_start_together_migrate_once(empty: Engine, scripts: Path) -> None:
    url = empty.url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-c", STARTERS, url, str(scripts)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with empty.connect() as connection:
        assert connection.execute(text("SELECT id, label FROM shelves")).all() == [(1, "top")]
    assert is_current(empty, scripts)
    assert pending_changes(empty, SHELVES) == []


def test_a_service_can_ask_whether_its_schema_is_current(empty: Engine, scripts: Path) -> None:
    assert not is_current(empty, scripts)
    migrate(empty.url, scripts)
    assert is_current(empty, scripts)


def test_referring_rows_survive_a_table_alteration(empty: Engine, scripts: Path) -> None:
    (scripts / "versions" / "0001_shelves.py").write_text(
        FIRST + "    op.create_table('books', sa.Column('id', sa.Integer, primary_key=True),"
        " sa.Column('shelf', sa.Integer, sa.ForeignKey('shelves.id', ondelete='CASCADE')))\n"
        "    op.execute('INSERT INTO books VALUES (5, 1)')\n"
    )
    migrate(empty.url, scripts)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT id, shelf FROM books")).all() == [(5, 1)]


@pytest.mark.implementation("sqlite")
def test_a_migration_that_fails_on_sqlite_leaves_nothing_behind(tmp_path: Path, scripts: Path) -> None:
    (scripts / "versions" / "0003_boxes.py").write_text(BROKEN)
    engine = connect(f"sqlite:///{tmp_path}/test.db")
    with pytest.raises(LookupError, match="half-way"):
        migrate(engine.url, scripts)
    assert inspect(engine).get_table_names() == []


@pytest.mark.implementation("sqlite")
def test_a_migration_that_orphans_rows_is_rolled_back(tmp_path: Path, scripts: Path) -> None:
    (scripts / "versions" / "0001_shelves.py").write_text(
        FIRST + "    op.execute('CREATE TABLE books (id INTEGER, shelf INTEGER REFERENCES shelves (id))')\n"
        "    op.execute('INSERT INTO books VALUES (5, 99)')\n"
    )
    engine = connect(f"sqlite:///{tmp_path}/test.db")
    with pytest.raises(ValueError, match="books"):
        migrate(engine.url, scripts)
    assert inspect(engine).get_table_names() == []


def test_a_process_that_cannot_get_the_migration_lock_says_so(empty: Engine, scripts: Path) -> None:
    holder = "SELECT 1" if empty.dialect.name == "sqlite" else _lock_statement(empty)
    with empty.connect() as other, other.begin():
        other.execute(text(holder))
        with pytest.raises(Unavailable, match="locked for 1 s"):
            migrate(empty.url, scripts, wait_seconds=1)


def _lock_statement(engine: Engine) -> str:
    name = hashlib.sha256(str(engine.url.database).encode()).hexdigest()[:32]
    return f"SELECT GET_LOCK('aether-migrate-{name}', 0)"


def test_a_drift_names_each_table_column_and_index(empty: Engine, scripts: Path) -> None:
    migrate(empty.url, scripts)
    wanted = MetaData()
    Table(
        "shelves", wanted, Column("id", Integer, primary_key=True), Column("label", String(40), nullable=True)
    )
    Table("boxes", wanted, Column("id", Integer, primary_key=True))
    changes = "\n".join(pending_changes(empty, wanted))
    for line in (
        "table boxes is missing",
        "column shelves.label is VARCHAR",
        "column shelves.label has nullable=False",
    ):
        assert line in changes, changes


def test_the_kits_own_tables_have_no_drift_after_creation(engine: Engine, outbox: Table) -> None:
    assert pending_changes(engine, outbox.metadata) == []
    fresh = MetaData()
    outbox_table(fresh, "another_outbox")
    assert "table another_outbox is missing" in pending_changes(engine, fresh)


def test_a_migration_waits_for_its_database(
    tmp_path: Path, scripts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "late.db"
    file.mkdir()  # SQLite cannot open a folder
    threading.Timer(0.5, file.rmdir).start()
    migrate(f"sqlite:///{file}", scripts)
    engine = connect(f"sqlite:///{file}")
    assert is_current(engine, scripts)
    engine.dispose()
    (said,) = caplog.messages[:1]
    assert said.startswith("Waiting up to 60 s for the database: ")


def test_a_migration_gives_up_on_a_database_that_stays_silent(scripts: Path) -> None:
    """A server that accepts connections and says nothing, as one that is stopped by SIGSTOP."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql+pymysql://root:hidden@127.0.0.1:{silent.getsockname()[1]}/billing"
        started = time.monotonic()
        with pytest.raises(Unavailable) as refused:
            migrate(url, scripts, wait_seconds=0.5)
        assert time.monotonic() - started < 20, "each attempt ends in time"
    assert refused.value.detail == (
        f"The database at {url.replace('hidden', '***')} was unavailable for 0.5 s."
    )
