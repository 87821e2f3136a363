"""Fetches a key set over HTTP, with bounds on everything that the server decides."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

from aether_adapters.auth.grants import check_url
from aether_adapters.kernel.tls import TlsFiles, refusal

TOTAL_SECONDS: Final = 5.0
"""From the connection to the last byte: a timeout of each read would let a server trickle for hours."""
_CONNECT_SECONDS: Final = 2.0
MAX_BYTES: Final = 256 * 1024
_DISCOVERY: Final = "/.well-known/openid-configuration"
_DISCOVERY_SECONDS: Final = 3600.0
_OK: Final = 200


def fetch(url: str, ca: str = "") -> bytes:
    """Return what `url` answers. Raises `OSError` if that is not 200, over 256 KiB, or takes over `TOTAL_SECONDS`.

    Redirects are not followed, and no proxy is used. `ca` is a PEM file of the authorities trusted for https; empty
    means the system's.
    """
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    sock = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
    late = threading.Event()
    # Shuts the connection down and not this object, which the TLS layer replaces.
    watched = sock.dup()

    def give_up() -> None:
        late.set()
        with suppress(OSError):  # the server was faster
            watched.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(TOTAL_SECONDS, give_up)
    timer.daemon = True
    timer.start()
    connection = HTTPConnection(host, port)
    try:
        connection.sock = _context(ca).wrap_socket(sock, server_hostname=host) if is_tls else sock
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("GET", path, headers={"Accept": "application/json", "Connection": "close"})
        with connection.getresponse() as response:
            data = response.read(MAX_BYTES + 1)
    except (OSError, HTTPException, ValueError) as error:
        if late.is_set():
            raise TimeoutError(f"no whole answer within {TOTAL_SECONDS:g} s") from error
        raise OSError(refusal(host, error) or repr(error)) from error
    finally:
        timer.cancel()
        connection.close()
        sock.close()
        watched.close()
    if late.is_set():
        raise TimeoutError(f"no whole answer within {TOTAL_SECONDS:g} s")
    if response.status != _OK:
        raise OSError(f"the answer is {response.status}, not 200; redirects are not followed")
    if len(data) > MAX_BYTES:
        raise OSError(f"the answer is larger than {MAX_BYTES} bytes")
    return data


class DiscoveredKeys:
    """Reads the keys of an OpenID Connect issuer (OpenID Connect Discovery 1.0, section 4).

    The document is read once an hour, and whenever the keys are not where it says. For one thread.
    """

    def __init__(self, issuer: str, ca: str = "") -> None:
        self._issuer = issuer
        self._ca = ca
        self._url = ""
        self._known_until = float("-inf")

    def __call__(self) -> bytes:
        """Return the key set. Raises `OSError` as `fetch` does, `ValueError` if the document is not the issuer's."""
        if time.monotonic() >= self._known_until:
            self._url = self._discover()
            self._known_until = time.monotonic() + _DISCOVERY_SECONDS
        try:
            return fetch(self._url, self._ca)
        except OSError:
            self._known_until = float("-inf")
            raise

    def _discover(self) -> str:
        """Return the URL of the key set."""
        try:
            document = json.loads(fetch(self._issuer.rstrip("/") + _DISCOVERY, self._ca))
        except RecursionError as error:
            raise ValueError("the discovery document is nested too deep") from error
        # Section 4.3: they must be identical, or one issuer could pose as another.
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:
            raise ValueError(f"the discovery document is not that of {self._issuer}")
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            raise ValueError("the discovery document has no jwks_uri")
        check_url(url)
        if self._issuer.startswith("https:") and not url.startswith("https:"):
            raise ValueError("the discovery document leads from https to http")
        return url


def _context(ca: str) -> ssl.SSLContext:
    # Read each time, so that a file may be replaced; the system's authorities take 30 ms.
    return TlsFiles(ca=ca).client_context() if ca else _system_context()


@cache
def _system_context() -> ssl.SSLContext:
    return TlsFiles().client_context()
