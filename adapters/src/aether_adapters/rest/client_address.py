"""Client address of a request: the peer's, or the one reported by trusted proxies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import islice
from typing import Final, Literal

from starlette.types import Scope

from aether_adapters.kernel.addresses import network, reported

ForwardedHeader = Literal["x-forwarded-for", "forwarded"]

_MAX_HOPS: Final = 32
"""Proxies looked through, so that a long header costs no more than a short one."""
_LAST_ELEMENT: Final = re.compile(r"""(?:[^",]|"(?:[^"]|"(?=\\(?:\\\\)*(?!\\)))*+")*+""")
"""The last element of a Forwarded header, read backwards; a quote before an odd number of backslashes is escaped."""
_PAIR: Final = re.compile(
    r"""[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*+"|[^;,"]*)[ \t]*(?:;|$)""", re.DOTALL
)


class ClientAddress:
    """Finds the client's address; believes `header` only from `trusted` proxies.

    Reads the header from its right end, past every trusted proxy: an unknown party wrote what stands left of
    the first untrusted address. Only one header is read, because a proxy that writes one passes the other on as
    the client sent it.
    """

    def __init__(self, trusted: Sequence[str], header: ForwardedHeader = "x-forwarded-for") -> None:
        """`trusted` holds addresses or networks such as "10.0.0.0/8". Raises `ValueError` for anything else."""
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(map(network, trusted))
        self._is_trusted = lru_cache(maxsize=4096)(self._look_up)
        self._header = header.encode("ascii")
        self._is_standard = header == "forwarded"
        self.trusts = bool(self._networks)
        """Whether any proxy is trusted; if not, the peer is the client."""

    def __call__(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        peer = scope.get("client")
        sent: str = peer[0] if peer else ""
        address = (reported(sent) or sent) if ":" in sent else sent  # ::ffff:192.0.2.1 on a dual-stack socket
        if not self.trusts or not self._is_trusted(address):
            return address
        forwarded = headers.get(self._header, b"").decode("latin-1")
        for hop in islice(_elements(forwarded) if self._is_standard else _parts(forwarded), _MAX_HOPS):
            found = _client_in(hop) if self._is_standard else reported(hop)
            if found is None:
                if not hop.strip():
                    continue
                return address
            address = found
            if not self._is_trusted(found):
                return address
        return address

    def comes_by_https(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the client used https: on this connection, or to a trusted proxy that says so."""
        if scope["scheme"] == "https":
            return True
        peer = scope.get("client")
        sent: str = peer[0] if peer else ""
        if not self.trusts or not self._is_trusted(reported(sent) or sent):
            return False
        return headers.get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip().lower() == b"https"

    def _look_up(self, address: str) -> bool:
        if reported(address) != address:
            return False
        found = ip_address(address)
        return any(found in network for network in self._networks)


def _parts(header: str) -> Iterator[str]:
    """Yield the parts of an X-Forwarded-For header, the last first."""
    yield from reversed(header.rsplit(",", _MAX_HOPS)[-_MAX_HOPS:])


def _elements(header: str) -> Iterator[str]:
    """Yield the elements of a Forwarded header (RFC 7239, section 4), the last first.

    They are read from the right end, because only what trusted proxies wrote there is well-formed for certain. A comma
    in a quoted text, which may be the client's Host, separates nothing.
    """
    backwards, at = header[::-1], 0
    while at <= len(backwards):
        found = _LAST_ELEMENT.match(backwards, at)
        assert found is not None  # noqa: S101 # it also matches nothing
        if backwards[found.end() : found.end() + 1] == '"':  # which no other quote closes
            yield '"'
            return
        yield found[0][::-1]
        at = found.end() + 1


def _client_in(element: str) -> str | None:
    """Return the address in the only `for` parameter of an element; None if there is none."""
    clients, at = [], 0
    while at < len(element):
        pair = _PAIR.match(element, at)
        if pair is None:
            return None
        if pair[1].lower() == "for":
            clients.append(pair[2])
        at = pair.end()
    return reported(clients[0]) if len(clients) == 1 else None
