"""Shares one TLS context between MySQL connections, instead of loading the system's certificates for each.

If the address requests no TLS, PyMySQL still prefers it, and builds a context with every system certificate,
of which it verifies none. That takes tens of milliseconds of CPU time for each connection attempt: with the
database down, a process refuses twenty requests per second and does nothing else.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any, ClassVar

from sqlalchemy import Engine, event


def share_tls_context(engine: Engine) -> None:
    """Make all connections of a MySQL `engine` share the context of PyMySQL's preferred TLS."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: list[Any], settings: dict[str, Any]) -> Any:
        return _connection()(*arguments, **settings)


@cache
def _connection() -> Any:
    """Return an adapted PyMySQL connection class; defined here, as a process on SQLite must not load the driver."""
    from pymysql.connections import Connection  # type: ignore[import-untyped]

    class SharedContextConnection(Connection):  # type: ignore[misc]
        preferred: ClassVar[ssl.SSLContext | None] = None

        # If PyMySQL renames this method, connections only become slow again.
        def _create_ssl_ctx(self, sslp: Any) -> Any:
            if sslp:
                return super()._create_ssl_ctx(sslp)
            if SharedContextConnection.preferred is None:
                SharedContextConnection.preferred = super()._create_ssl_ctx(sslp)
            return SharedContextConnection.preferred

    return SharedContextConnection
