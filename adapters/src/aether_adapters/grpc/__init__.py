"""gRPC kit: a synchronous server and two clients, driven by the `Method` objects of a contract."""

from aether_adapters.grpc.async_client import AsyncChannel
from aether_adapters.grpc.client import Channel
from aether_adapters.grpc.method import Bound, Codec, Method, Service
from aether_adapters.grpc.probe import probe
from aether_adapters.grpc.server import Server, serve

__all__ = ["AsyncChannel", "Bound", "Channel", "Codec", "Method", "Server", "Service", "probe", "serve"]
