"""Opens connections for an event loop, with the address, credentials and certificates of a synchronous client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)

from aether_adapters.observability.certificates import ClientContext

_SYNCHRONOUS: Final = ("himport_", "maint_", "orig_", "retry")
"""First parts of the names of settings that redis-py's connections for event loops do not share."""


class _TlsConnection(SSLConnection):
    def __init__(self, *, context: ClientContext | None = None, **settings: Any) -> None:
        self._context = context
        super().__init__(**settings)

    # If redis-py renames this method, connections ignore `context`: a test with an authority of its own would fail.
    def _connection_arguments(self) -> Mapping[str, Any]:
        if self._context is None:
            arguments: Mapping[str, Any] = super()._connection_arguments()
            return arguments
        return {"host": self.host, "port": self.port, "ssl": self._context()}


async def open_connection(pool: redis.ConnectionPool) -> AbstractConnection:
    """Return a new connection of the running event loop as `pool` makes them, authenticated and on its database.

    Raises redis-py's errors and `OSError`.
    """
    settings = {
        name: value for name, value in pool.connection_kwargs.items() if not name.startswith(_SYNCHRONOUS)
    }
    if issubclass(pool.connection_class, redis.SSLConnection):
        kind: type[AbstractConnection] = _TlsConnection
    elif issubclass(pool.connection_class, redis.UnixDomainSocketConnection):
        kind = UnixDomainSocketConnection
    else:
        kind = Connection
    connection = kind(**{**settings, "protocol": 2})
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return connection
