"""Creates engines for MySQL, MariaDB and SQLite that behave alike."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError

from aether_adapters.kernel.deadline import remaining, within
from aether_adapters.kernel.files import private_file, private_folder
from aether_adapters.kernel.tls import NO_TLS, TlsFiles
from aether_adapters.kernel.urls import UnreadableUrl, split_url
from aether_adapters.observability.neighbours import watched
from aether_adapters.sql.fair_lock import FAIR_LOCK, FairLock
from aether_adapters.sql.mysql_connections import Context, discard_with_server, open_in_time, tls_of
from aether_adapters.sql.timeouts import TimedSqlite, roll_back_what_is_open
from aether_adapters.sql.transactions import NEIGHBOUR, Transactions

_log = logging.getLogger(__name__)
_MYSQL: Final = {"mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"}
_POOL_RECYCLE_SECONDS: Final = 240
_CONNECT_TIMEOUT_SECONDS: Final = 5.0
_SLOW_SECONDS: Final = 2.0
"""A unit of work that takes longer counts as failed, though it may go on."""
_PROBE_TIMEOUT_SECONDS: Final = 2.0


def connect(
    url: str | URL,
    *,
    pool: int = 16,
    statement_seconds: float = 30.0,
    pool_seconds: float = 5.0,
    tls: TlsFiles = NO_TLS,
    current_url: Callable[[], str] | None = None,
    places: int | None = None,
) -> Engine:
    """Create an engine for `mysql+pymysql://` (MySQL 8, MariaDB) or `sqlite:///<file>`; connects on first use.

    `pool` is the maximum number of connections. `statement_seconds` limits a statement without a deadline,
    `pool_seconds` the wait for a connection. With `tls` MySQL's certificate and host name are verified; so they are with
    `ssl_ca` in the address. New MySQL connections take user and password from `current_url`, so that they can be rotated;
    if it raises `OSError` or `ValueError`, the previous ones are used. With `places` MySQL is a `Neighbour`: so many units of
    work wait for it, and none while it fails or hangs. Raises `ValueError` for any other address, for unusable certificate
    files, and for SQLite in memory, where every pooled connection would see its own database.
    """
    address = _address(url)
    if address.drivername in _MYSQL:
        address, context = tls_of(address, tls)
        engine = _mysql(address, context, current_url, pool, statement_seconds, pool_seconds)
        if places is not None:
            _guard(engine, places)
    elif tls:
        raise ValueError(
            f"{address.render_as_string(hide_password=True)} is not reached over TLS; set none for it."
        )
    elif address.drivername in {"sqlite", "sqlite+pysqlite"}:
        engine = _sqlite(address, pool, statement_seconds, pool_seconds)
    else:
        raise ValueError(
            f"{address.render_as_string(hide_password=True)}: use mysql+pymysql://user:password@host/name "
            "or sqlite:///path/to/file"
        )
    _ENGINES.add(engine)
    return engine


def _address(url: str | URL) -> URL:
    """Return the parts of the database's address. Raises `UnreadableUrl`."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise UnreadableUrl("the database") from None  # their texts may hold half of a password
    if isinstance(url, str) and address.drivername in _MYSQL:
        split_url("the database", url)
    return address


def _mysql(
    address: URL,
    context: Context | None,
    current_url: Callable[[], str] | None,
    pool: int,
    statement_seconds: float,
    pool_seconds: float,
) -> Engine:
    engine = create_engine(
        address.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"}),
        # Locks only the rows it touches; REPEATABLE READ also locks the gaps between them and deadlocks more.
        # Versions guard what was read. See docs/adr/0004.
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an error's text would repeat what was written
        poolclass=_DeadlinePool,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=pool_seconds,
        pool_recycle=_POOL_RECYCLE_SECONDS,
        pool_reset_on_return=None,
        connect_args={
            "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "read_timeout": statement_seconds + 1,
            "write_timeout": statement_seconds + 1,
            # On every server a value that does not fit is an error instead of being truncated.
            "init_command": "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), time_zone = '+00:00'",
        },
    )
    if current_url is not None:
        _follow_credentials(engine, current_url)
    open_in_time(engine, context, statement_seconds)
    discard_with_server(engine)
    roll_back_what_is_open(engine)
    return engine


def _guard(engine: Engine, places: int) -> None:
    def look() -> None:
        with within(_SLOW_SECONDS), engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    guard = watched("database", places=places, slow_seconds=_SLOW_SECONDS, probe=look)
    engine.update_execution_options(**{NEIGHBOUR: guard})


def _sqlite(address: URL, pool: int, statement_seconds: float, pool_seconds: float) -> Engine:
    if not address.database or address.database == ":memory:" or "mode=memory" in address.database:
        raise ValueError("SQLite in memory has one database for each connection; name a file.")
    file = _file_of(address.database)
    if file is not None:
        private_folder(file.parent)
    kind = type("TimedSqlite", (TimedSqlite,), {"ceiling": statement_seconds})
    engine = create_engine(
        address,
        hide_parameters=True,  # an error's text would repeat what was written
        poolclass=_DeadlinePool,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=pool_seconds,
        pool_reset_on_return=None,
        execution_options={FAIR_LOCK: FairLock()},
        connect_args={"factory": kind},
    )
    # The driver opens no transactions, see below; a listener for "begin" would cost more than the statement.
    engine.dialect.do_begin = lambda connection: connection.dbapi_connection.begin()  # type: ignore[assignment,method-assign,union-attr]

    @event.listens_for(engine, "do_connect")
    def create(_dialect: object, _record: object, _arguments: object, _settings: object) -> None:
        if file is not None:
            private_file(file)  # SQLite gives its log and its index the mode of the database

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        assert isinstance(connection, TimedSqlite)  # noqa: S101 - narrows the type for mypy
        connection.isolation_level = None  # the driver must not open transactions
        connection.execute(f"PRAGMA busy_timeout = {int(statement_seconds * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        # With a write-ahead log a process crash loses nothing, and a machine crash loses no consistency.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.watch()

    roll_back_what_is_open(engine)
    return engine


def _file_of(database: str) -> Path | None:
    """Return the file that SQLite may create; None if the URI forbids that, by `mode=ro` or `mode=rw`."""
    if not database.startswith("file:"):
        return Path(database)
    uri = urlsplit(database)
    mode = parse_qs(uri.query).get("mode", ["rwc"])[0]
    return Path(unquote(uri.path)) if mode == "rwc" else None


def _follow_credentials(engine: Engine, read: Callable[[], str]) -> None:
    """Take user and password of each new connection from the URL that `read` returns; call it before `open_in_time`."""
    newest = engine.url

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        nonlocal newest
        try:
            newest = _address(read())
        except (OSError, ValueError) as error:
            _log.warning("The database's address cannot be read again: %s", type(error).__name__)
        for name, value in (("user", newest.username), ("password", newest.password)):
            if value is not None:
                parameters[name] = value


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
