"""Opens MySQL connections: encrypted as the address or the settings ask, limited by the deadline, given up with their server.

If neither asks for TLS, PyMySQL still prefers it and verifies nothing. It would build a context with every system
certificate for each connection, which takes tens of milliseconds of CPU time: with the database down, a process refuses
twenty requests per second and does nothing else. So all connections of an engine share one context.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import ExceptionContext

from aether_adapters.kernel.deadline import remaining
from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.observability.certificates import ClientContext
from aether_adapters.sql.error_codes import ends_connection
from aether_adapters.sql.timeouts import STEPS_PER_SECOND, refuse_write, steps

_PEER: Final = "the database"
_OPTIONS: Final = (
    "ssl_ca",
    "ssl_capath",
    "ssl_cert",
    "ssl_check_hostname",
    "ssl_cipher",
    "ssl_disabled",
    "ssl_key",
    "ssl_key_password",
    "ssl_verify_cert",
    "ssl_verify_identity",
)
"""Parameters of an address, as of PyMySQL and SQLAlchemy, which lose the authority of some of their combinations."""
_NO: Final = frozenset({"0", "false", "no", "off"})
_SOCKET_GRACE_SECONDS: Final = 1.0
_TIMEOUTS: Final = ("connect_timeout", "read_timeout")

Context = Callable[[], ssl.SSLContext]


def tls_of(address: URL, files: TlsFiles) -> tuple[URL, Context | None]:
    """Return the address without its TLS parameters, and the context they or `files` ask for; None if neither does.

    A server's certificate and host name are verified, unless `ssl_verify_cert` or `ssl_check_hostname` (or
    `ssl_verify_identity`) is false. Raises `ValueError` for both sources at once, and for an unusable file.
    """
    given = {name: str(address.query[name]) for name in _OPTIONS if name in address.query}
    bare = address.difference_update_query(_OPTIONS)
    if _no(given.pop("ssl_disabled", "no")):
        pass
    elif files or given:
        raise ValueError(
            "The database's address has ssl_disabled, and other settings ask for TLS; remove one."
        )
    else:
        return bare.update_query_dict({"ssl_disabled": "true"}), None
    if files:
        if given:
            raise ValueError(
                f"TLS of {_PEER} is set twice: by {', '.join(sorted(given))} in the address and by files; remove one."
            )
        return bare, ClientContext.of("database", _PEER, files)
    if not given:
        return bare, None
    named = TlsFiles(*(given.get(f"ssl_{part}", "") for part in ("ca", "cert", "key")))
    try:
        # Its own reading finds the faults: here a key may be encrypted.
        return bare, ClientContext("database", _PEER, named, lambda: _context(given), faults=lambda: iter(()))
    except OSError as error:
        paths = ", ".join(filter(None, (named.ca, named.cert, named.key)))
        raise ValueError(f"TLS of {_PEER}: {paths}: {error}") from error


def open_in_time(engine: Engine, context: Context | None, ceiling: float) -> None:
    """Open the connections of a MySQL `engine` within the deadline, encrypted with `context`.

    Their statements end with the deadline, or after `ceiling` seconds without one.
    """
    kind = cache(lambda: _timed_connection(ceiling))

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: list[Any], settings: dict[str, Any]) -> Any:
        # A server that accepts and then stays silent is waited for as long as one that does not accept.
        settings.update((name, remaining(settings[name])) for name in _TIMEOUTS)
        if context is not None:
            settings["ssl"] = context()
        return kind()(*arguments, **settings)


def discard_with_server(engine: Engine) -> None:
    """Give up a MySQL `engine`'s connections when their server says that it is no longer the one to write to."""

    @event.listens_for(engine, "handle_error")
    def discard(context: ExceptionContext) -> None:
        if ends_connection(context.original_exception):
            context.is_disconnect = True


def _no(text: str) -> bool:
    return text.lower() in _NO


def _context(given: dict[str, str]) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=given.get("ssl_ca"), capath=given.get("ssl_capath"))
    verified = not _no(given.get("ssl_verify_cert", "yes"))
    named = not _no(given.get("ssl_check_hostname", given.get("ssl_verify_identity", "yes")))
    made.check_hostname = verified and named
    made.verify_mode = ssl.CERT_REQUIRED if verified else ssl.CERT_NONE
    if "ssl_cert" in given:
        # Without a password, OpenSSL would ask at the terminal for that of an encrypted key, and wait.
        made.load_cert_chain(given["ssl_cert"], given.get("ssl_key"), given.get("ssl_key_password", ""))
    if "ssl_cipher" in given:
        made.set_ciphers(given["ssl_cipher"])
    return made


def _timed_connection(statement_seconds: float) -> Any:
    """Return PyMySQL's connection class, adapted; defined here, as a process on SQLite must not load the driver."""
    from pymysql.connections import Connection  # type: ignore[import-untyped]

    class TimedConnection(Connection):  # type: ignore[misc]
        preferred: ssl.SSLContext | None = None
        read_only = False
        """Whether the transaction only reads, and refuses to write."""
        in_transaction = False
        """Whether a statement ran since the last commit or rollback; the server's own flag is not in every answer."""
        _steps = 0

        # If PyMySQL renames this method, connections only become slow again.
        def _create_ssl_ctx(self, sslp: Any) -> Any:
            if sslp:
                return super()._create_ssl_ctx(sslp)
            if TimedConnection.preferred is None:
                TimedConnection.preferred = super()._create_ssl_ctx(sslp)
            return TimedConnection.preferred

        # Every statement of every cursor comes through here. Not in a listener of SQLAlchemy, because an engine with
        # listeners prepares every statement for them, which costs more than the check.
        def query(self, sql: Any, unbuffered: bool = False) -> Any:
            if self.read_only:
                refuse_write(sql if isinstance(sql, str) else sql[:6].decode("ascii", "replace"))
            limit = steps(statement_seconds)
            if self._steps != limit:
                self._limit(limit)
            self.in_transaction = True
            return super().query(sql, unbuffered)

        def commit(self) -> None:
            super().commit()
            self.in_transaction = False

        def rollback(self) -> None:
            super().rollback()
            self.in_transaction = False

        def _limit(self, limit: int) -> None:
            seconds = limit / STEPS_PER_SECOND
            statement = (
                f"max_statement_time = {seconds}"
                if "MariaDB" in self.server_version
                else f"max_execution_time = {int(seconds * 1000)}"
            )
            # PyMySQL accepts a read timeout only when it connects, but reads this attribute before each read.
            self._read_timeout = seconds + _SOCKET_GRACE_SECONDS
            super().query(
                f"SET SESSION {statement}, SESSION innodb_lock_wait_timeout = {max(1, math.ceil(seconds))}"
            )
            self._steps = limit

    return TimedConnection
