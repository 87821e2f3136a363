"""The gRPC kit: a synchronous server and two clients, driven by a contract's `Method` objects."""

from aether_adapters.grpc.method import Bound, Codec, Method, Service

__all__ = ["Bound", "Codec", "Method", "Service"]
