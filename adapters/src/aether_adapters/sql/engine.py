"""Creates engines for MySQL, MariaDB and SQLite that behave alike."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError

from aether_adapters.kernel.deadline import remaining, within
from aether_adapters.sql.fair_lock import FAIR_LOCK, FairLock
from aether_adapters.sql.mysql_tls import share_tls_context
from aether_adapters.sql.timeouts import READ_ONLY, limit_mysql, limit_sqlite, limit_wait
from aether_adapters.sql.transactions import Transactions

_MYSQL: Final = {"mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"}
_POOL_RECYCLE_SECONDS: Final = 240
_CONNECT_TIMEOUT_SECONDS: Final = 5.0
_PROBE_TIMEOUT_SECONDS: Final = 2.0


def connect(
    url: str | URL, *, pool: int = 16, statement_seconds: float = 30.0, pool_seconds: float = 5.0
) -> Engine:
    """Create an engine for `mysql+pymysql://` (MySQL 8, MariaDB) or `sqlite:///<file>`; connects on first use.

    `pool` is the maximum number of connections. `statement_seconds` limits a statement without a deadline,
    `pool_seconds` the wait for a connection. Raises `ValueError` for any other address, and for SQLite in
    memory, where every pooled connection would see its own database.
    """
    address = make_url(url)
    if address.drivername in _MYSQL:
        engine = _mysql(address, pool, statement_seconds, pool_seconds)
    elif address.drivername in {"sqlite", "sqlite+pysqlite"}:
        engine = _sqlite(address, pool, statement_seconds, pool_seconds)
    else:
        raise ValueError(
            f"{address.render_as_string(hide_password=True)}: use mysql+pymysql://user:password@host/name "
            "or sqlite:///path/to/file"
        )
    _ENGINES.add(engine)
    return engine


def _mysql(address: URL, pool: int, statement_seconds: float, pool_seconds: float) -> Engine:
    engine = create_engine(
        address.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"}),
        # Locks only the rows it touches; REPEATABLE READ also locks the gaps between them and deadlocks more.
        # Versions guard what was read. See docs/adr/0004.
        isolation_level="READ COMMITTED",
        poolclass=_DeadlinePool,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=pool_seconds,
        pool_recycle=_POOL_RECYCLE_SECONDS,
        connect_args={
            "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "read_timeout": statement_seconds + 1,
            "write_timeout": statement_seconds + 1,
            # On every server a value that does not fit is an error instead of being truncated.
            "init_command": "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), time_zone = '+00:00'",
        },
    )
    share_tls_context(engine)
    limit_mysql(engine, statement_seconds)
    return engine


def _sqlite(address: URL, pool: int, statement_seconds: float, pool_seconds: float) -> Engine:
    if not address.database or address.database == ":memory:" or "mode=memory" in address.database:
        raise ValueError("SQLite in memory has one database for each connection; name a file.")
    if not address.database.startswith("file:"):
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        address,
        poolclass=_DeadlinePool,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=pool_seconds,
        execution_options={FAIR_LOCK: FairLock()},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - narrows the type for mypy
        # The driver must not open transactions: the "begin" listener below decides which kind.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(statement_seconds * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        # With a write-ahead log a process crash loses nothing, and a machine crash loses no consistency.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # SQLite fails a transaction that reads first and writes after another writer committed, because its
        # snapshot is stale (https://www.sqlite.org/rescode.html#busy_snapshot). A unit of work that may write
        # takes the lock first.
        reads = connection.get_execution_options().get(READ_ONLY)
        statement = "BEGIN" if reads else "BEGIN IMMEDIATE"
        limit_wait(connection, statement_seconds)
        raw: Any = connection.connection.dbapi_connection
        try:
            # Bypasses SQLAlchemy, whose overhead here equals that of an insert.
            raw.execute(statement)
        except sqlite3.OperationalError as error:
            raise OperationalError(statement, None, error) from error

    limit_sqlite(engine, statement_seconds)
    return engine


class _DeadlinePool(QueuePool):
    """Waits for a free connection no longer than the deadline allows.

    QueuePool reads `_timeout` before each wait and offers no other hook.
    """

    _max_seconds: float

    @property
    def _timeout(self) -> float:
        return remaining(self._max_seconds)

    @_timeout.setter
    def _timeout(self, seconds: float) -> None:
        self._max_seconds = seconds


def probe(engine: Engine) -> Callable[[], None]:
    """Return a probe that selects one row within two seconds, else raises `kernel.errors.Unavailable`."""
    transactions = Transactions(engine, lambda connection: connection)

    def ask() -> None:
        with within(_PROBE_TIMEOUT_SECONDS):
            transactions.read(lambda connection: connection.execute(text("SELECT 1")).one())

    return ask


_ENGINES: Final[weakref.WeakSet[Engine]] = weakref.WeakSet()


def _forget_connections() -> None:
    for engine in _ENGINES:
        engine.dispose(close=False)
        if FAIR_LOCK in engine.get_execution_options():
            engine.update_execution_options(**{FAIR_LOCK: FairLock()})


# A forked child that used its parent's connections would read its parent's responses.
os.register_at_fork(after_in_child=_forget_connections)
