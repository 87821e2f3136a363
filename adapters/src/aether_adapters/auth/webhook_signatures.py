"""Webhook signatures: prove that a callback comes from the holder of a shared secret.

The signature covers the exact body and the time of sending, which prevents changes and late replays. The
header is `t=<Unix seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 (RFC 2104) of `<t>.<body>`; it may hold
several v1 while a secret is replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from typing import Final

_HEADER: Final = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,4})")
TOLERANCE_SECONDS: Final = 300.0
"""Maximum age of a signature, and maximum clock difference in either direction."""


def sign(secret: str, body: bytes, *, at: float | None = None) -> str:
    """Return the header that signs `body`, sent `at` (Unix seconds; None means now)."""
    moment = int(time.time() if at is None else at)
    return f"t={moment},v1={_digest(secret, moment, body)}"


class SignatureCheck:
    """Verifies that a body was signed with one of `secrets`, at most `tolerance` seconds ago.

    Several secrets allow a replacement without interruption: this side adds the new one, the other side signs
    with it, this side removes the old one. An empty secret never matches.
    """

    __slots__ = ("_now", "_secrets", "_tolerance")

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        tolerance: float = TOLERANCE_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)
        self._tolerance = tolerance
        self._now = now

    def __call__(self, body: bytes, header: str) -> bool:
        """Whether `header` signs `body`; takes the same time wherever a wrong signature differs."""
        match = _HEADER.fullmatch(header)
        if match is None:
            return False
        moment, signatures = int(match[1]), match[2].removeprefix(",v1=").split(",v1=")
        right = [_digest(secret, moment, body) for secret in self._secrets]
        known = [hmac.compare_digest(sent, one) for sent in signatures for one in right]
        return any(known) and abs(self._now() - moment) <= self._tolerance


def _digest(secret: str, moment: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
