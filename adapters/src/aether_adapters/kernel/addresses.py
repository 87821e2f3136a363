"""IP addresses as clients and proxies write them, and as limits count them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_CLIENT_PREFIX: Final = 64
"""Length of the IPv6 prefix that one client gets (RFC 6177); counting each address would count nobody twice."""
_MAX_CHARACTERS: Final = 64
_BITS_BEFORE_IPV4: Final = 96


@lru_cache(maxsize=4096)
def canonical(address: str) -> str:
    """Return an address in its usual form, without a zone: `::ffff:192.0.2.1` as IPv4. Raises `ValueError`."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(parsed)


@lru_cache(maxsize=4096)
def reported(text: str) -> str | None:
    """Return the address that a proxy reports, in its usual form; None if `text` is none.

    Accepts what RFC 7239 (section 6) and proxies write: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`,
    `[2001:db8::1]`, `[2001:db8::1]:4711`, each also in double quotes.
    """
    if len(text) > _MAX_CHARACTERS:
        return None
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if text.startswith("["):
        text, closing, port = text[1:].partition("]")
        if not closing or not _is_port(port):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(f":{port}"):
            return None
    try:
        return canonical(text)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def counted_as(address: str) -> str:
    """Return what a client is counted by: its IPv4 address, or the /64 network of its IPv6 address.

    Anything else is returned as it is.
    """
    try:
        plain = canonical(address)
    except ValueError:
        return address
    return str(ip_network(f"{plain}/{_CLIENT_PREFIX}", strict=False)) if ":" in plain else plain


def _is_port(text: str) -> bool:
    # RFC 7239 also allows an obfuscated port: an underscore and a name.
    return not text or (text[0] == ":" and len(text) > 1 and (text[1:].isdigit() or text[1] == "_"))


def network(text: str) -> IPv4Network | IPv6Network:
    """Return the network of an address or a prefix, that of IPv4 addresses inside IPv6 as IPv4. Raises `ValueError`."""
    try:
        found = ip_network(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no address and no network such as 10.0.0.0/8, whose host bits are 0"
        ) from None
    if isinstance(found, IPv6Network):
        inside = found.network_address.ipv4_mapped
        if inside is not None and found.prefixlen >= _BITS_BEFORE_IPV4:
            return IPv4Network((inside, found.prefixlen - _BITS_BEFORE_IPV4))
    return found
