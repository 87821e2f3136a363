"""Server reflection for tools such as grpcurl.

Protocol: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.descriptor_pool import Default
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, ReflectionServicer
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

__all__ = ["SERVICE_NAME", "ReflectionService"]


class ReflectionService:
    """Describes `services` from the descriptors of this process.

    Each open stream occupies a thread, so it has two of its own and takes none from the pool that answers
    calls.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._servicer: Any = ReflectionServicer((*services, SERVICE_NAME), pool=Default())
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="grpc-reflection")

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Return the handler of the one streaming method."""

        def info(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            yield from self._servicer.ServerReflectionInfo(requests, context)

        info.experimental_thread_pool = self._pool  # type: ignore[attr-defined] # grpcio reads it from the function
        return {
            f"/{SERVICE_NAME}/ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                info, ServerReflectionRequest.FromString, ServerReflectionResponse.SerializeToString
            )
        }

    def close(self) -> None:
        """Release the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
