"""Maps a database's error codes to what they mean for the unit of work they ended.

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
    """MySQL chose this transaction as a deadlock's victim, or a lock was not free in time: run it again."""
    LOST = "lost"
    """The connection broke; what was not committed is rolled back by the server."""
    AWAY = "away"
    """The server cannot be reached, or takes nobody now."""
    OVERTIME = "overtime"
    """The statement was stopped because its time was up."""


_CONTENDED: Final = frozenset({1205, 1213})
_AWAY: Final = frozenset(
    {
        1040,  # too many connections
        1053,  # shutdown in progress
        1129,  # host blocked
        1203,  # user has too many connections
        1226,  # user exceeded a resource
        1290,  # --read-only: a primary that was demoted
        1836,  # read-only mode
        2002,  # no server at the socket
        2003,  # no server at the address
    }
)
_OVERTIME: Final = frozenset(
    {
        1969,  # MariaDB max_statement_time
        3024,  # MySQL max_execution_time
    }
)
_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: DatabaseErrorKind.AWAY,
    sqlite3.SQLITE_LOCKED: DatabaseErrorKind.AWAY,
    sqlite3.SQLITE_CANTOPEN: DatabaseErrorKind.AWAY,
    sqlite3.SQLITE_FULL: DatabaseErrorKind.AWAY,
    sqlite3.SQLITE_IOERR: DatabaseErrorKind.AWAY,
    sqlite3.SQLITE_INTERRUPT: DatabaseErrorKind.OVERTIME,
}


def error_kind(error: DBAPIError) -> DatabaseErrorKind | None:
    """Return the kind of `error`, or None if the statement itself is at fault (integrity, syntax, range...)."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        return None if code is None else _SQLITE.get(code & 0xFF)
    code = original.args[0] if original is not None and original.args else None
    if code in _CONTENDED:
        return DatabaseErrorKind.CONTENDED
    if code in _OVERTIME:
        return DatabaseErrorKind.OVERTIME
    if code in _AWAY:
        return DatabaseErrorKind.AWAY
    return DatabaseErrorKind.LOST if error.connection_invalidated else None
