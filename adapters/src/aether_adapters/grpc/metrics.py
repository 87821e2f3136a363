"""Metrics of the gRPC server, with the names of go-grpc-middleware."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram

HANDLED: Final = Counter(
    "grpc_server_handled",
    "Answered calls by outcome.",
    ("grpc_service", "grpc_method", "grpc_code"),
)
SECONDS: Final = Histogram(
    "grpc_server_handling_seconds",
    "Seconds from a call's start in a thread to its response.",
    ("grpc_service", "grpc_method"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
