"""Address of the other end of a gRPC connection, and how many calls it may have."""

from __future__ import annotations

import threading
from functools import lru_cache
from urllib.parse import unquote

from aether_adapters.grpc.rpc_call import RpcCall
from aether_adapters.kernel.addresses import canonical, counted_as


@lru_cache(maxsize=4096)
def address_of(peer: str) -> str:
    """Return the address in gRPC's name of a peer, such as `ipv6:%5B2001:db8::7%5D:4711`; empty for a Unix socket.

    An IPv4 address that came over an IPv6 socket is returned as IPv4.
    """
    family, _, rest = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return ""
    return canonical(unquote(rest).rpartition(":")[0].removeprefix("[").removesuffix("]"))


class AddressCap:
    """Counts the calls of each address; `most` at once, 0 for any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._calls: dict[str, int] = {}
        self._guard = threading.Lock()

    def take(self, call: RpcCall) -> bool:
        """Count a call of `call.address` until it is over. Return False if the address has too many."""
        if not self._most:
            return True
        key = counted_as(call.address)
        with self._guard:
            calls = self._calls.get(key, 0)
            if calls >= self._most:
                return False
            self._calls[key] = calls + 1
        call.hold(lambda: self._release(key))
        return True

    def _release(self, key: str) -> None:
        with self._guard:
            left = self._calls[key] - 1
            if left:
                self._calls[key] = left
            else:
                del self._calls[key]
