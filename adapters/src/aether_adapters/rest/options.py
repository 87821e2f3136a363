"""Options of the REST server."""

from __future__ import annotations

from dataclasses import dataclass, field

from aether_adapters.rest.client_address import ForwardedHeader
from aether_adapters.rest.connections import ConnectionLimits
from aether_adapters.rest.content_coding import Coding


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOptions:
    """Options of the REST server. Sizes are in bytes, times in seconds."""

    body_limit: int = 1024 * 1024
    bodies_bytes: int = 64 * 1024 * 1024
    """What the bodies of unanswered requests may take together, apart from those that come in one piece of up to 64 kB."""
    deadline: float = 5.0
    """From a request's head to its response; every SQL, Redis and gRPC call inherits what is left."""
    drain: float = 0.0
    """How long `/readyz` fails before the listener closes, so that load balancers stop routing here first."""
    grace: float = 20.0
    """How long running requests may take to finish after the listener closes."""
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    """What a client may send, hold and leave unread."""
    trusted_proxies: tuple[str, ...] = field(default=())
    """Addresses or networks whose `forwarded_header` and X-Forwarded-Proto are believed."""
    forwarded_header: ForwardedHeader = "x-forwarded-for"
    """The header in which they report the client's address; the other one is ignored."""
    codings: tuple[Coding, ...] = ()
    """Content codings of request bodies that are decoded; others are refused."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may read responses: `https://shop.example`, or `*` alone."""
    cors_credentials: bool = False
    """Whether those pages may send cookies and client certificates."""
    hsts: int = 0
    """How long browsers insist on https after a response over https; 0 does not ask them to."""
    hsts_subdomains: bool = False
    """Whether they insist on it for every host below this one too, whoever serves it."""
    request_id_header: str = "x-request-id"
    access_log: bool = True
    docs: bool = True
    """Whether to serve /docs and /openapi.json."""
    metrics: bool = True
    """Whether to serve /metrics."""
    probes: bool = True
    """Whether to serve /healthz and /readyz."""
    system_rate: float = 100.0
    """Requests per second of one address to paths outside the contract, these three among them."""
