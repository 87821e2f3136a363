"""Limits each SQL statement to what is left of the request's deadline.

A statement is refused after the deadline. While one runs, the server enforces the limit:

| server  | a running statement                 | a wait for a lock                            |
|---------|-------------------------------------|----------------------------------------------|
| MariaDB | `max_statement_time`, any statement | the same                                     |
| MySQL   | `max_execution_time`, SELECT only   | `innodb_lock_wait_timeout`, in whole seconds |
| SQLite  | a progress handler                  | `busy_timeout`                               |

Limits change in steps of a quarter of a second, so that a request on time needs no round trip for them. The
socket timeout, one second later, covers servers that stop responding.
"""

from __future__ import annotations

import math
import sqlite3
import time
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from aether_adapters.kernel.deadline import DEADLINE, remaining

READ_ONLY: Final = "aether_read_only"
"""Execution option of a connection that only reads."""

_STEPS_PER_SECOND: Final = 4
_LIMIT: Final = "aether_limit"
_SOCKET_GRACE_SECONDS: Final = 1.0
_OPCODES_PER_CHECK: Final = 20_000


def _steps(ceiling: float) -> int:
    return max(1, math.ceil(remaining(ceiling) * _STEPS_PER_SECOND))


def limit_mysql(engine: Engine, ceiling: float) -> None:
    """Limit every statement of `engine` to the deadline, or to `ceiling` seconds without one."""

    @event.listens_for(engine, "do_connect")
    def connect_in_time(_dialect: object, _record: object, _args: object, settings: dict[str, Any]) -> None:
        settings["connect_timeout"] = remaining(settings["connect_timeout"])

    @event.listens_for(engine, "before_cursor_execute")
    def run_in_time(
        connection: Connection,
        cursor: Any,
        _statement: str,
        _parameters: object,
        _context: Any,
        _many: bool,
    ) -> None:
        steps = _steps(ceiling)
        info = connection.info
        if info.get(_LIMIT) == steps:
            return
        seconds = steps / _STEPS_PER_SECOND
        statement = (
            f"max_statement_time = {seconds}"
            if connection.dialect.is_mariadb  # type: ignore[attr-defined]
            else f"max_execution_time = {int(seconds * 1000)}"
        )
        # PyMySQL accepts a read timeout only when it connects, but reads this attribute before each read.
        connection.connection.dbapi_connection._read_timeout = seconds + _SOCKET_GRACE_SECONDS  # type: ignore[union-attr]
        cursor.execute(
            f"SET SESSION {statement}, SESSION innodb_lock_wait_timeout = {max(1, math.ceil(seconds))}"
        )
        info[_LIMIT] = steps


def limit_sqlite(engine: Engine, ceiling: float) -> None:
    """Limit every statement and every wait for the write lock to the deadline, or to `ceiling` seconds."""

    def expired() -> int:
        deadline = DEADLINE.get()
        return 1 if deadline is not None and time.monotonic() >= deadline else 0

    @event.listens_for(engine, "connect")
    def watch(connection: DBAPIConnection, _record: object) -> None:
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - narrows the type for mypy
        connection.set_progress_handler(expired, _OPCODES_PER_CHECK)

    @event.listens_for(engine, "before_cursor_execute")
    def run_in_time(*_: object) -> None:
        remaining(ceiling)


def limit_wait(connection: Connection, ceiling: float) -> None:
    """Limit the wait for SQLite's write lock to the deadline, or to `ceiling` seconds."""
    steps, info = _steps(ceiling), connection.info
    if info.get(_LIMIT) != steps:
        raw: Any = connection.connection.dbapi_connection
        raw.execute(f"PRAGMA busy_timeout = {steps * 1000 // _STEPS_PER_SECOND}")
        info[_LIMIT] = steps


def refuse_writes(engine: Engine) -> None:
    """Raise `RuntimeError` for an insert, update or delete on `engine`, which is for reading."""

    @event.listens_for(engine, "before_cursor_execute")
    def refuse(
        _connection: Connection,
        _cursor: object,
        _statement: str,
        _parameters: object,
        context: Any,
        _many: bool,
    ) -> None:
        if context is not None and (context.isinsert or context.isupdate or context.isdelete):
            raise RuntimeError("A unit of work opened with read() wrote; open it with run().")
