"""Migrates a domain's schema, safely if several of its processes start at once.

A domain's `migrations/env.py` imports its tables' metadata and calls `run_migrations`. Alembic is imported
inside functions, so that serving processes do not load it.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import TechnicalError, Unavailable
from aether_adapters.kernel.tls import NO_TLS, TlsFiles
from aether_adapters.sql.autogenerate import complete_revision, migrated_copy, render_item
from aether_adapters.sql.engine import connect, probe
from aether_adapters.sql.transactions import Transactions

_log = logging.getLogger(__name__)

_CONNECTION: Final = "connection"
_STATEMENT_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 1.0


def migrate(
    url: str | URL, script_location: str | Path, *, wait_seconds: float = 60.0, tls: TlsFiles = NO_TLS
) -> None:
    """Upgrade the database at `url` to the newest revision under `script_location`; `tls` as for `connect`.

    Wait up to `wait_seconds` for a database that is away, and as long for another process that migrates it; then raise
    `Unavailable`. On SQLite all revisions apply or none; MySQL commits each DDL statement separately.
    """
    from alembic import command
    from alembic.config import Config

    engine = connect(url, pool=2, statement_seconds=_STATEMENT_SECONDS, tls=tls)
    try:
        _await_database(engine, wait_seconds)
        with _exclusively(engine, wait_seconds) as connection:
            configuration = Config(attributes={_CONNECTION: connection})
            configuration.set_main_option("script_location", str(script_location).replace("%", "%%"))
            command.upgrade(configuration, "head")
    finally:
        engine.dispose()


def run_migrations(metadata: MetaData) -> None:
    """Apply the revisions on the connection that `migrate` opened; the body of a domain's `env.py`.

    Alembic's own commands, such as `alembic upgrade head`, use `-x url=...`. `alembic revision --autogenerate` needs no
    database: without that it compares `metadata` with what the revisions make of an empty SQLite.
    """
    from alembic import context

    connection = context.config.attributes.get(_CONNECTION)
    if connection is not None:
        _apply(connection, metadata)
        return
    url = context.get_x_argument(as_dictionary=True).get("url")
    if url is None:
        if not getattr(context.config.cmd_opts, "autogenerate", False):
            raise ValueError("Name the database: alembic -x url=sqlite:///path/to/file ...")
        with migrated_copy(context.script) as copy:
            _apply(copy, metadata)
        return
    engine = connect(url, pool=1, statement_seconds=_STATEMENT_SECONDS)
    with engine.connect() as opened, opened.begin():
        _apply(opened, metadata)
    engine.dispose()


def is_current(engine: Engine, script_location: str | Path) -> bool:
    """Whether every revision under `script_location` is applied; a service checks this before it serves."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    heads = set(ScriptDirectory(str(script_location)).get_heads())
    applied = Transactions(engine, lambda connection: connection).read(
        lambda connection: set(MigrationContext.configure(connection).get_current_heads())
    )
    return applied == heads


def _apply(connection: Connection, metadata: MetaData) -> None:
    from alembic import context

    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        render_as_batch=True,  # SQLite alters a table by copying it; MySQL alters it in place
        render_item=render_item,
        process_revision_directives=complete_revision,
    )
    with context.begin_transaction():
        context.run_migrations()


def _await_database(engine: Engine, wait_seconds: float) -> None:
    """Return once the database answers. Raises `Unavailable` if it does not within `wait_seconds`."""
    ask = probe(engine)
    give_up = time.monotonic() + wait_seconds
    said = False
    while True:
        try:
            ask()
        except TechnicalError as error:
            reason = error.reason or error.detail
            if time.monotonic() >= give_up:
                raise Unavailable(
                    f"The database at {engine.url.set(query={}).render_as_string(hide_password=True)} was unavailable for "
                    f"{wait_seconds:g} s.",
                    reason=reason,
                    retry_after=5.0,
                ) from error
            if not said:
                said = True
                _log.warning("Waiting up to %g s for the database: %s", wait_seconds, reason)
            time.sleep(min(_RETRY_SECONDS, max(0.0, give_up - time.monotonic())))
        else:
            return


@contextmanager
def _exclusively(engine: Engine, wait_seconds: float) -> Iterator[Connection]:
    exclusive = _exclusively_on_sqlite if engine.dialect.name == "sqlite" else _exclusively_on_mysql
    with engine.connect() as connection, exclusive(connection, wait_seconds):
        yield connection


@contextmanager
def _exclusively_on_sqlite(connection: Connection, wait_seconds: float) -> Iterator[None]:
    raw: Any = connection.connection.dbapi_connection
    # Copying a table would delete the rows that refer to it; SQLite ignores this pragma inside a transaction.
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        with within(wait_seconds):
            transaction = connection.begin()
    except OperationalError as error:
        raise _busy(connection, wait_seconds) from error
    with transaction:
        yield
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise ValueError(f"The migration leaves rows whose foreign keys refer to nothing: {broken[:5]}")
    raw.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _exclusively_on_mysql(connection: Connection, wait_seconds: float) -> Iterator[None]:
    database = str(connection.engine.url.database)
    name = f"aether-migrate-{hashlib.sha256(database.encode()).hexdigest()[:32]}"
    waited = text("SELECT GET_LOCK(:name, :seconds)").bindparams(name=name, seconds=math.ceil(wait_seconds))
    if connection.scalar(waited) != 1:
        raise _busy(connection, wait_seconds)
    try:
        yield
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT RELEASE_LOCK(:name)").bindparams(name=name))


def _busy(connection: Connection, wait_seconds: float) -> Unavailable:
    database = connection.engine.url.database
    return Unavailable(
        f"Another process has kept {database} locked for {wait_seconds:.0f} s.", retry_after=5.0
    )
