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

from sqlalchemy import Engine, event

from aether_adapters.kernel.deadline import DEADLINE, remaining

STEPS_PER_SECOND: Final = 4
_WRITES: Final = frozenset({"INSERT", "UPDATE", "DELETE"})
_OPCODES_PER_CHECK: Final = 20_000


def steps(ceiling: float) -> int:
    """Return the limit of a statement that begins now, in steps. Raises `DeadlineExceeded` after the deadline."""
    return max(1, math.ceil(remaining(ceiling) * STEPS_PER_SECOND))


def refuse_write(statement: str) -> None:
    """Raise `RuntimeError` for an insert, update or delete in a transaction that only reads."""
    if statement[:6].upper() in _WRITES:
        raise RuntimeError("A unit of work opened with read() wrote; open it with run().")


class TimedCursor(sqlite3.Cursor):
    """Refuses a statement after the deadline.

    Here and not in a listener of SQLAlchemy, because an engine with listeners prepares every statement for them, which
    costs more than the check.
    """

    connection: TimedSqlite

    def execute(self, sql: str, parameters: Any = (), /) -> TimedCursor:
        self._check(sql)
        super().execute(sql, parameters)
        return self

    def executemany(self, sql: str, parameters: Any, /) -> TimedCursor:
        self._check(sql)
        super().executemany(sql, parameters)
        return self

    def _check(self, sql: str) -> None:
        remaining(self.connection.ceiling)
        if self.connection.read_only:
            refuse_write(sql)


class TimedSqlite(sqlite3.Connection):
    """SQLite connection whose statements, and waits for the write lock, end with the deadline."""

    ceiling = 30.0
    """The longest time of a statement without a deadline, in seconds; an engine sets its own."""
    read_only = False
    """Whether the transaction only reads: it takes no write lock, and refuses to write."""
    _steps = 0

    def cursor(self, factory: Any = TimedCursor) -> Any:
        return super().cursor(factory)

    def watch(self) -> None:
        """Let the deadline stop a statement that runs."""
        self.set_progress_handler(_expired, _OPCODES_PER_CHECK)

    def begin(self) -> None:
        """Begin a transaction. Raises `sqlite3.OperationalError` if the write lock is not free in time.

        SQLite fails a transaction that reads first and writes after another writer committed, because its snapshot is
        stale (https://www.sqlite.org/rescode.html#busy_snapshot). So one that may write takes the lock first.
        """
        limit = steps(self.ceiling)
        if self._steps != limit:
            self.execute(f"PRAGMA busy_timeout = {limit * 1000 // STEPS_PER_SECOND}")
            self._steps = limit
        self.execute("BEGIN" if self.read_only else "BEGIN IMMEDIATE")


def _expired() -> int:
    deadline = DEADLINE.get()
    return 1 if deadline is not None and time.monotonic() >= deadline else 0


def roll_back_what_is_open(engine: Engine) -> None:
    """Reset a connection of `engine` as it returns to the pool: roll back, unless no statement ran since the last commit.

    SQLAlchemy's own reset does not know that, and sends a ROLLBACK after every unit of work.
    """

    @event.listens_for(engine, "reset")
    def reset(connection: Any, _record: object, _state: object) -> None:
        if connection is not None:
            connection.read_only = False
            if connection.in_transaction:
                connection.rollback()
