"""REST server: compiles an OpenAPI contract at start-up and serves it from an async inbound port."""

import warnings

with warnings.catch_warnings():
    # Connexion imports Starlette's test client, which warns at every start to install another httpx.
    # Blocking that import would gain little (docs/adr/0002): Connexion's security module needs httpx itself.
    warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
    # Connexion's schema module uses a resolver that jsonschema deprecated; both versions are pinned.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="connexion.json_schema")
    import connexion  # noqa: F401

from aether_adapters.kernel.rate_limits import By, Limit, Limits
from aether_adapters.rest.application import RestApp
from aether_adapters.rest.build import build_app
from aether_adapters.rest.connections import ConnectionLimits
from aether_adapters.rest.etag import etag, parse_etag
from aether_adapters.rest.in_flight import Admission, InFlight
from aether_adapters.rest.operation import Inputs, Operation, Reply
from aether_adapters.rest.options import RestOptions
from aether_adapters.rest.server import serve
from aether_adapters.rest.thread_pool import Offload

__all__ = [
    "Admission",
    "By",
    "ConnectionLimits",
    "InFlight",
    "Inputs",
    "Limit",
    "Limits",
    "Offload",
    "Operation",
    "Reply",
    "RestApp",
    "RestOptions",
    "build_app",
    "etag",
    "parse_etag",
    "serve",
]
