"""Opening connections to MySQL without reading the system's certificates for each.

Where an address asks for no TLS, PyMySQL prefers it all the same, and for that makes a context with every certificate of
the system in it, of which it then verifies none. That takes tens of milliseconds of processor time, for each connection
and for each attempt at one: with the database away, a process refuses twenty requests in a second and does nothing else.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any, ClassVar

from sqlalchemy import Engine, event


def open_quickly(engine: Engine) -> None:
    """Have all connections of `engine`, a MySQL one, share the context of PyMySQL's preferred TLS."""

    @event.listens_for(engine, "do_connect")
    def dial(_dialect: object, _record: object, arguments: list[Any], settings: dict[str, Any]) -> Any:
        return _connection()(*arguments, **settings)


@cache
def _connection() -> Any:
    """PyMySQL's connection; made here, so that a process on SQLite does not load the driver."""
    from pymysql.connections import Connection  # type: ignore[import-untyped]

    class Dialled(Connection):  # type: ignore[misc]
        preferred: ClassVar[ssl.SSLContext | None] = None

        # Should PyMySQL give this method another name, connections only become slow again.
        def _create_ssl_ctx(self, sslp: Any) -> Any:
            if sslp:
                return super()._create_ssl_ctx(sslp)
            if Dialled.preferred is None:
                Dialled.preferred = super()._create_ssl_ctx(sslp)
            return Dialled.preferred

    return Dialled
