"""Hedged calls: a second one is made if the first takes long, and the first answer wins.

Source: J. Dean and L. A. Barroso, "The Tail at Scale", https://research.google/pubs/the-tail-at-scale/. The service
config's `hedgingPolicy` is not implemented by gRPC's C core, on which grpcio stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import grpc


def hedged(begin: Callable[[], Any], seconds: float, deadline: float, allowed: Callable[[], bool]) -> bytes:
    """Return the answer of the call that `begin` starts, or of a second one if the first takes `seconds`.

    `begin` returns a `grpc.Future`. The second call is made if `allowed` says so; `deadline` is on `time.monotonic()`.
    The other call is cancelled. Raises the `grpc.RpcError` of the call that failed last.
    """
    ended: SimpleQueue[Any] = SimpleQueue()
    calls = [begin()]
    calls[0].add_done_callback(ended.put)
    try:
        try:
            first = ended.get(timeout=max(0.0, min(seconds, deadline - time.monotonic())))
        except Empty:
            if allowed():
                calls.append(begin())
                calls[1].add_done_callback(ended.put)
            first = ended.get()
        if first.code() is not grpc.StatusCode.OK and len(calls) > 1:
            first = ended.get()
        answer: bytes = first.result()
        return answer
    finally:
        for each in calls:
            each.cancel()
