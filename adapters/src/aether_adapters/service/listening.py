"""Explains in one sentence why a server cannot listen, and which setting to change."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.service.server_settings import ServerSettings

PORTS: Final = {"the REST server": "rest", "the gRPC server": "grpc", "the admin port": "admin"}
"""The prefix of the settings of each server."""


_LOG: Final = structlog.get_logger("aether.process")


class CannotListen(Exception):
    """A server cannot listen on its address; the message is a sentence for whoever runs the service."""


def address_of(settings: ServerSettings, server: str) -> tuple[str, int]:
    """Return the host, without the brackets of IPv6, and the port of `server`, one of `PORTS`."""
    prefix = PORTS[server]
    host: str = getattr(settings, f"{prefix}_host")
    return host.strip("[]"), getattr(settings, f"{prefix}_port")


def announce(settings: ServerSettings, server: str, port: int) -> None:
    """Log where `server`, one of `PORTS`, listens, and whether it speaks TLS; `port` is the one it was given."""
    host, _ = address_of(settings, server)
    files: TlsFiles = (
        settings.grpc_server_tls if PORTS[server] == "grpc" else getattr(settings, f"{PORTS[server]}_tls")
    )
    tls = "off" if not files else "on, with certificates of clients" if files.ca else "on"
    shown = f"[{host}]" if ":" in host else host
    _LOG.info("server listens", server=server, address=f"{shown}:{port}", tls=tls)


@contextmanager
def explained(settings: ServerSettings, server: str) -> Iterator[None]:
    """Turn the error of a server that cannot bind its address into `CannotListen`."""
    try:
        yield
    except OSError as error:
        raise _explanation(settings, server, error) from error
    except RuntimeError as error:  # gRPC says only that it failed
        raise _explanation(settings, server, _reason(*address_of(settings, server))) from error


def require_free(settings: ServerSettings, server: str) -> None:
    """Raise `CannotListen` if any process listens on the address of `server`, even one that would share it."""
    with explained(settings, server):
        bound(*address_of(settings, server)).close()


def reserved(settings: ServerSettings, server: str) -> socket.socket:
    """Return a socket that keeps the port of `server` for sockets with SO_REUSEPORT of this user; it does not listen.

    Another service could share the port unnoticed. So nobody may listen there at first, and until a worker does, this
    socket refuses sockets that want the port alone. Raises `CannotListen`.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        variable = settings.variable("workers")
        raise CannotListen(f"{server} cannot share its port on this system. Set {variable} to 1.")
    require_free(settings, server)
    with explained(settings, server):
        host, port = address_of(settings, server)
        holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                holder.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                # Nobody listens, but connections of a predecessor that had the port alone still linger (TIME_WAIT).
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                holder.bind((host, port))
        except OSError:
            holder.close()
            raise
    return holder


def bound(host: str, port: int) -> socket.socket:
    """Return a listening socket that shares its port with nobody. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def _reason(host: str, port: int) -> OSError:
    try:
        bound(host, port).close()
    except OSError as error:
        return error
    return OSError(0, "the address was taken a moment ago")


def _explanation(settings: ServerSettings, server: str, error: OSError) -> CannotListen:
    prefix = PORTS[server]
    host, port = (settings.variable(f"{prefix}_{part}") for part in ("host", "port"))
    address = "{}:{}".format(*address_of(settings, server))
    if error.errno == errno.EADDRINUSE:
        why = f"another process listens there. Stop it, or set {port} to a free port"
    elif error.errno == errno.EACCES:
        why = f"this user may not open that port. Set {port} to one above 1023"
    elif error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        why = f"this machine has no such address. Correct {host}"
    else:
        why = f"{error.strerror or error}. Correct {host} or {port}"
    return CannotListen(f"{server} cannot listen on {address}: {why}.")
