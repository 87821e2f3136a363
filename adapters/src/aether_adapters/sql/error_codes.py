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
    """Another transaction won (a deadlock, a lock wait, a changed snapshot): run this one again."""
    LOST = "lost"
    """The connection broke; the server rolls back what was not committed."""
    UNAVAILABLE = "unavailable"
    """The server is unreachable or accepts no connections, writes or this service's user now."""
    TIMED_OUT = "timed-out"
    """The statement was stopped at its time limit."""


_CONTENDED: Final = frozenset(
    {
        1020,  # MariaDB's snapshot isolation: another transaction changed the row
        1205,  # waited too long for a lock
        1213,  # deadlock
        3101,  # group replication: another member changed the row
        3572,  # NOWAIT; MariaDB says 1205
    }
)
_DEMOTED: Final = frozenset(
    {
        1047,  # Galera: this node is not in the primary component
        1053,  # shutdown in progress
        1290,  # --read-only, unless the text names another option
        1792,  # transactions are read-only by default
        1836,  # read-only mode
        1874,  # InnoDB is read-only
        3032,  # offline mode
        3168,  # the server is not available
        9001,  # ProxySQL has no server behind it
    }
)
"""A new connection may reach another server. The old ones lead to this one for as long as they are kept."""
_BROKEN: Final = frozenset(
    {
        1152,  # aborted connection
        1158,  # these four: network errors that the server noticed
        1159,
        1160,
        1161,
        1927,  # KILL
        3169,  # KILL
    }
)
"""The session is over, though the driver may not have noticed."""
_UNAVAILABLE: Final = _DEMOTED | frozenset(
    {
        1021,  # disk full
        1026,  # cannot write a file
        1030,  # storage engine, such as disk full
        1037,  # out of memory
        1038,  # out of sort memory
        1040,  # too many connections
        1041,  # out of memory
        1114,  # table full
        1129,  # host blocked
        1135,  # cannot create a thread
        1203,  # user has too many connections
        1206,  # lock table full
        1226,  # user exceeded a resource
        1317,  # KILL QUERY
        1881,  # InnoDB is in forced recovery
        2002,  # no server at the socket
        2003,  # no server at the address
        3100,  # replication refused the commit
        # The rest refuse this service's user: a mistake or a rotation in the deployment, which no statement can help.
        1044,  # this database
        1045,  # wrong password
        1049,  # there is no such database
        1130,  # this host
        1142,  # this table
        1143,  # this column
        1227,  # this privilege
        1698,  # no password
        1820,  # password must be changed
        1862,  # password expired
        3118,  # account locked
        4151,  # account locked
    }
)
_OPTION_PREVENTS_STATEMENT: Final = 1290
_OTHER_OPTIONS: Final = ("--secure-file-priv", "--secure_file_priv", "--skip-grant-tables")
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
    sqlite3.SQLITE_READONLY: DatabaseErrorKind.UNAVAILABLE,
    sqlite3.SQLITE_INTERRUPT: DatabaseErrorKind.TIMED_OUT,
}


def error_kind(error: DBAPIError) -> DatabaseErrorKind | None:
    """Return the kind of `error`, or None if the statement itself is at fault (integrity, syntax, range)."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        return None if code is None else _SQLITE.get(code & 0xFF)
    code = _code(original)
    if code in _CONTENDED:
        return DatabaseErrorKind.CONTENDED
    if code in _TIMED_OUT:
        return DatabaseErrorKind.TIMED_OUT
    if code in _UNAVAILABLE:
        return DatabaseErrorKind.UNAVAILABLE
    return DatabaseErrorKind.LOST if error.connection_invalidated or code in _BROKEN else None


def ends_connection(error: BaseException | None) -> bool:
    """Whether the MySQL connection with this driver's error must not be used again."""
    code = _code(error)
    return code in _DEMOTED or code in _BROKEN


def reason_of(error: DBAPIError) -> str:
    """Return the database's own words, without the statement and its parameters."""
    original = error.orig
    return (
        ": ".join(map(str, original.args)) if original is not None and original.args else type(error).__name__
    )


def _code(error: BaseException | None) -> object:
    code: object = error.args[0] if error is not None and error.args else None
    if code == _OPTION_PREVENTS_STATEMENT and any(name in str(error) for name in _OTHER_OPTIONS):
        return None
    return code
