"""Maps database error codes to what they mean for the unit of work that they ended.

Sources: https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html,
https://mariadb.com/kb/en/mariadb-error-code-reference/, https://www.sqlite.org/rescode.html.
"""

from __future__ import annotations

import sqlite3
from enum import Enum
from typing import Final

from sqlalchemy.exc import DBAPIError


class DatabaseErrorKind(Enum):
    """Failures of the database or the connection, not of the statement."""

    CONTENDED = "contended"
    """MySQL chose this transaction as deadlock victim, or a lock wait timed out: run it again."""
    LOST = "lost"
    """The connection broke; the server rolls back what was not committed."""
    UNAVAILABLE = "unavailable"
    """The server is unreachable or accepts no connections or writes now."""
    TIMED_OUT = "timed-out"
    """The statement was stopped at its time limit."""


_CONTENDED: Final = frozenset({1205, 1213})
_UNAVAILABLE: Final = frozenset(
    {
        1040,  # too many connections
        1053,  # shutdown in progress
        1129,  # host blocked
        1203,  # user has too many connections
        1226,  # user exceeded a resource
        1290,  # --read-only: a demoted primary
        1836,  # read-only mode
        2002,  # no server at the socket
        2003,  # no server at the address
    }
)
_TIMED_OUT: Final = frozenset(
    {
        1969,  # MariaDB max_statement_time
        3024,  # MySQL max_execution_time
    }
)
_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: DatabaseErrorKind.UNAVAILABLE,
    sqlite3.SQLITE_LOCKED: DatabaseErrorKind.UNAVAILABLE,
    sqlite3.SQLITE_CANTOPEN: DatabaseErrorKind.UNAVAILABLE,
    sqlite3.SQLITE_FULL: DatabaseErrorKind.UNAVAILABLE,
    sqlite3.SQLITE_IOERR: DatabaseErrorKind.UNAVAILABLE,
    sqlite3.SQLITE_INTERRUPT: DatabaseErrorKind.TIMED_OUT,
}


def error_kind(error: DBAPIError) -> DatabaseErrorKind | None:
    """Return the kind of `error`, or None if the statement itself is at fault (integrity, syntax, range)."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        return None if code is None else _SQLITE.get(code & 0xFF)
    code = original.args[0] if original is not None and original.args else None
    if code in _CONTENDED:
        return DatabaseErrorKind.CONTENDED
    if code in _TIMED_OUT:
        return DatabaseErrorKind.TIMED_OUT
    if code in _UNAVAILABLE:
        return DatabaseErrorKind.UNAVAILABLE
    return DatabaseErrorKind.LOST if error.connection_invalidated else None
