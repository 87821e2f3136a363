"""The pool that the servers had before they adapted, for comparison: 16 threads, 64 waiting calls, nothing else."""

from __future__ import annotations

from typing import Any, Final

from aether_adapters.grpc import server
from aether_adapters.kernel.concurrency import FixedLimiter
from aether_adapters.kernel.work_pool import WorkPool
from aether_adapters.rest import in_flight, thread_pool
from aether_adapters.service import assembly, process

VARIABLE: Final = "OVERLOAD_FIXED_POOL"
"""Set for a server that is to run with it."""
_THREADS: Final = 16
_QUEUE: Final = 64
_PYTHONS_SWITCH_SECONDS: Final = 0.005


class _Unlimited(in_flight.InFlight):
    def admits(self, _: object, /) -> bool:
        return True

    def limited(self, operations: Any) -> Any:
        return tuple(operations)


def use() -> None:
    """Make the servers of this process as they were."""
    modules: Any = (server, thread_pool, process, assembly)
    grpc_server, rest_threads, roles, assembled = modules
    grpc_server.Limiter = lambda **_: FixedLimiter(_THREADS, _QUEUE)
    rest_threads.Limiter = lambda **_: FixedLimiter(_THREADS, _QUEUE)
    rest_threads.WorkPool = lambda name, limiter, **_: WorkPool(name, limiter)
    roles._SWITCH_SECONDS = _PYTHONS_SWITCH_SECONDS
    assembled.InFlight = _Unlimited
