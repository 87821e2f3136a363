"""Options of the REST server."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOptions:
    """Options of the REST server. Sizes are in bytes, times in seconds."""

    body_limit: int = 1024 * 1024
    deadline: float = 5.0
    """From a request's head to its response; every SQL, Redis and gRPC call inherits what is left."""
    drain: float = 0.0
    """How long `/readyz` fails before the listener closes, so that load balancers stop routing here first."""
    grace: float = 20.0
    """How long running requests may take to finish after the listener closes."""
    trusted_proxies: tuple[str, ...] = field(default=())
    """Addresses or networks whose X-Forwarded-For is believed."""
    request_id_header: str = "x-request-id"
    access_log: bool = True
    docs: bool = True
    """Whether to serve /docs and /openapi.json."""
    metrics: bool = True
    """Whether to serve /metrics."""
