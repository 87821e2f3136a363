"""gRPC kit: a synchronous server and two clients, driven by the `Method` objects of a contract."""

import os

# gRPC's core writes lines of its own to stderr, past the log, such as one for each handshake that a stranger does not
# finish. What an operator needs of them is in the errors of calls, see `tls.refusal`. It reads this once, when loaded.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from aether_adapters.grpc.async_client import AsyncChannel
from aether_adapters.grpc.client import Channel
from aether_adapters.grpc.method import Bound, Codec, Method, Service
from aether_adapters.grpc.probe import probe
from aether_adapters.grpc.server import Server, serve

__all__ = ["AsyncChannel", "Bound", "Channel", "Codec", "Method", "Server", "Service", "probe", "serve"]
