"""The gRPC kit: a synchronous server and two clients, driven by a contract's `Method` objects."""

from aether_adapters.grpc.aio import AsyncChannel
from aether_adapters.grpc.channel import Channel
from aether_adapters.grpc.method import Bound, Codec, Method, Service
from aether_adapters.grpc.probe import probe
from aether_adapters.grpc.server import Server, serve

__all__ = ["AsyncChannel", "Bound", "Channel", "Codec", "Method", "Server", "Service", "probe", "serve"]
