"""Reads the address of a server without repeating it when it is wrong, because parts of a password may stand anywhere in it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_SCHEME: Final = re.compile(r"[a-z]+://", re.IGNORECASE)
_RESOLVERS: Final = ("dns:", "ipv4:", "ipv6:", "unix:", "xds:")
"""How gRPC's own names of targets begin."""


class UnreadableUrl(ValueError):
    """The address of `peer` cannot be read, most often because of a sign in the password."""

    def __init__(self, peer: str) -> None:
        super().__init__(
            f"the address of {peer} cannot be read: it is scheme://user:password@host:port/path, with each of "
            "/ ? # [ ] @ : % in the user or the password percent-encoded, such as %40 for @ and %2F for /"
        )


def split_url(peer: str, url: str) -> SplitResult:
    """Return the parts of the address of `peer`. Raises `UnreadableUrl`, also if the password may reach beyond its place.

    Libraries disagree about where a password ends that holds an @ or a / of its own; what one of them takes for the host
    would stand in its error messages. So there is at most one @, and it ends the user and the password.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UnreadableUrl(peer) from None
    if url.count("@") > 1 or ("@" in url and "@" not in parts.netloc):
        raise UnreadableUrl(peer)
    return parts


def check_target(target: str) -> None:
    """Raise `ValueError` unless the address of a gRPC server is host:port or one of gRPC's own names.

    gRPC would look up any other text as a host, and say no more than that it is unavailable.
    """
    if target.startswith(_RESOLVERS):
        return
    if (scheme := _SCHEME.match(target)) is not None:
        raise ValueError(f"the address of a gRPC server is host:port, without {scheme[0]}")
    _, colon, port = target.rpartition(":")
    if not (colon and port.isascii() and port.isdigit()):
        raise ValueError("it names no port: the address of a gRPC server is host:port")
