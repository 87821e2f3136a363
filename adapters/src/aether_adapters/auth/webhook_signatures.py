"""Signed callbacks: how a service knows that a request comes from the one it shares a secret with.

The signature covers the body byte for byte and the moment of sending, so that neither can be changed and an old
request cannot be sent again much later. It is a header of the form `t=<Unix seconds>,v1=<hex>`, where v1 is the
HMAC-SHA256 (RFC 2104) of `<t>.<body>`; more than one v1 may stand there while a secret is being replaced.
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
"""Seconds a signature is good for, and that two machines' clocks may differ, either way."""


def sign(secret: str, body: bytes, *, at: float | None = None) -> str:
    """The header that vouches for `body`, sent `at` (Unix seconds; now if None)."""
    moment = int(time.time() if at is None else at)
    return f"t={moment},v1={_digest(secret, moment, body)}"


class SignatureCheck:
    """Says whether a body was signed with one of `secrets`, not longer ago than `tolerance` seconds.

    Several secrets let one be replaced without a break: first this side learns the new one, then the other side
    signs with it, then this side forgets the old one. An empty secret vouches for nothing.
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
        """Whether `header` vouches for `body`. The answer takes equally long wherever a wrong signature differs."""
        match = _HEADER.fullmatch(header)
        if match is None:
            return False
        moment, signatures = int(match[1]), match[2].removeprefix(",v1=").split(",v1=")
        right = [_digest(secret, moment, body) for secret in self._secrets]
        known = [hmac.compare_digest(sent, one) for sent in signatures for one in right]
        return any(known) and abs(self._now() - moment) <= self._tolerance


def _digest(secret: str, moment: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
