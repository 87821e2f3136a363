"""Service tokens, with which a service calls others; the claim `svc: true` marks them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from aether_adapters.auth.keys import thumbprint
from aether_adapters.auth.tokens import Issuer

TOKEN_LIFETIME_SECONDS: Final = 300
_RENEWAL_MARGIN_SECONDS: Final = 60.0
_LOG: Final = structlog.get_logger("aether.tokens")


class ServiceTokens:
    """Issues tokens for `service`, each used until a minute before it expires. Thread-safe.

    `signer` is called for each new token, so that a replaced key is used within minutes; while it fails, the previous
    key signs. A process that calls no service needs no key.
    """

    def __init__(
        self, service: str, signer: Callable[[], Issuer], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` returns monotonic seconds."""
        self._service = service
        self._signer = signer
        self._clock = clock
        self._guard = threading.Lock()
        self._issuer: Issuer | None = None
        self._token = ""
        self._until = float("-inf")

    def __call__(self) -> str:
        """Return a token that is valid for at least a minute; raises what `signer` raises."""
        with self._guard:
            now = self._clock()
            if now >= self._until:
                self._issuer = self._newest()
                self._token = self._issuer.issue(self._service, seconds=TOKEN_LIFETIME_SECONDS, service=True)
                self._until = now + TOKEN_LIFETIME_SECONDS - _RENEWAL_MARGIN_SECONDS
            return self._token

    def _newest(self) -> Issuer:
        try:
            return self._signer()
        except (OSError, ValueError) as error:
            if self._issuer is None:
                raise
            _LOG.warning("service key not read again", service=self._service, reason=type(error).__name__)
            return self._issuer


def signer(key: str, kid: str, issuer: str, audience: str) -> Callable[[], Issuer]:
    """Return a function that reads the private key in file `key`; an empty `kid` means its thumbprint."""

    def read() -> Issuer:
        pem = Path(key).read_bytes()
        return Issuer(pem, issuer, audience, kid or thumbprint(pem))

    return read
