"""How an edge serves."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOptions:
    """How an edge serves. Sizes are in bytes, times in seconds."""

    body_limit: int = 1024 * 1024
    deadline: float = 5.0
    """From a request's head to its answer; handed on to every SQL, Redis and gRPC call."""
    drain: float = 0.0
    """How long readiness says no before the listener closes, so that balancers look elsewhere first."""
    grace: float = 20.0
    """How long requests inside may take to finish once the listener is closed."""
    trusted_proxies: tuple[str, ...] = field(default=())
    """Addresses or networks whose X-Forwarded-For is believed."""
    request_id_header: str = "x-request-id"
    access_log: bool = True
    docs: bool = True
    """Whether to serve /docs and /openapi.json."""
    metrics: bool = True
    """Whether to serve /metrics."""
