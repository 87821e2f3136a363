"""Client address of a request: the peer's, or the one reported by trusted proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.types import Scope


class ClientAddress:
    """Finds the client's address; believes X-Forwarded-For only from `trusted` proxies.

    Reads the header from its right end, past every trusted proxy: an unknown party wrote what stands left of
    the first untrusted address.
    """

    def __init__(self, trusted: Sequence[str]) -> None:
        """`trusted` holds addresses or networks such as "10.0.0.0/8". Raises `ValueError` for anything else."""
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(
            ip_network(network) for network in trusted
        )
        self._is_trusted = lru_cache(maxsize=4096)(self._look_up)
        self.trusts = bool(self._networks)
        """Whether any proxy is trusted; if not, the peer is the client."""

    def __call__(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        client = scope.get("client")
        address: str = client[0] if client else ""
        if not self.trusts or not self._is_trusted(address):
            return address
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if not _is_address(hop):
                return address
            address = hop
            if not self._is_trusted(hop):
                return address
        return address

    def _look_up(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
