"""The metadata that travels with a call: who asks, which request it belongs to, which trace."""

from __future__ import annotations

from typing import Final

import structlog

AUTHORIZATION: Final = "authorization"
REQUEST_ID: Final = "x-request-id"
TRACEPARENT: Final = "traceparent"


def outgoing(token: str | None) -> tuple[tuple[str, str], ...]:
    """What a client sends along: `token` as bearer, and the request and trace the log knows of."""
    known = structlog.contextvars.get_contextvars()
    pairs = []
    if token:
        pairs.append((AUTHORIZATION, f"Bearer {token}"))
    if "request_id" in known:
        pairs.append((REQUEST_ID, known["request_id"]))
    if "traceparent" in known:
        pairs.append((TRACEPARENT, known["traceparent"]))
    return tuple(pairs)
