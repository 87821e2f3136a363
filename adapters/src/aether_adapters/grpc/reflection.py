"""Server reflection for tools such as grpcurl.

Protocol: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import grpc
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, ReflectionServicer
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from aether_adapters.grpc.lane import Lane
from aether_adapters.grpc.refusal import Refusal

__all__ = ["SERVICE_NAME", "ReflectionService"]

_THREADS: Final = 2
_QUEUE: Final = 6
_STREAM_SECONDS: Final = 30.0
"""A tool asks all it wants within seconds."""


class ReflectionService:
    """Describes `services` from the descriptors of this process.

    Each open stream occupies a thread, so it has two of its own, for at most 30 seconds each, and takes none from the
    lane that answers calls.
    """

    def __init__(self, services: Iterable[str], *, busy: Refusal, late: Refusal) -> None:
        self._servicer: Any = ReflectionServicer((*services, SERVICE_NAME), pool=Default())
        self.lane: Final = Lane(
            "grpc-reflection",
            threads=_THREADS,
            queue=_QUEUE,
            busy=busy,
            late=late,
            stream_seconds=_STREAM_SECONDS,
        )

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Return the handler of the one streaming method."""

        def info(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
            yield from self._servicer.ServerReflectionInfo(_decoded(requests, context), context)

        info.lane = self.lane  # type: ignore[attr-defined] # `Lanes` reads it from the function
        return {
            f"/{SERVICE_NAME}/ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                info, None, ServerReflectionResponse.SerializeToString
            )
        }


def _decoded(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
    """Yield the messages of a stream; grpcio would log a traceback for each that anybody sends damaged."""
    for data in requests:
        try:
            request = ServerReflectionRequest.FromString(data)
        except DecodeError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The message cannot be decoded.")
        yield request
