"""Call metadata: bearer token, request id and trace context."""

from __future__ import annotations

from typing import Final

import structlog

AUTHORIZATION: Final = "authorization"
REQUEST_ID: Final = "x-request-id"
TRACEPARENT: Final = "traceparent"


def outgoing(token: str | None) -> tuple[tuple[str, str], ...]:
    """Return the metadata of an outgoing call: bearer `token`, request id and trace from the log context."""
    known = structlog.contextvars.get_contextvars()
    pairs = []
    if token:
        pairs.append((AUTHORIZATION, f"Bearer {token}"))
    if "request_id" in known:
        pairs.append((REQUEST_ID, known["request_id"]))
    if "traceparent" in known:
        pairs.append((TRACEPARENT, known["traceparent"]))
    return tuple(pairs)
