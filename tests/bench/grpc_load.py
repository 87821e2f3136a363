"""`python -m tests.bench.grpc_load port token`: keep 32 calls in flight for each line "seconds"; print how many.

The first line printed is the answer to one call, in base64, so that two sides can be compared. Exits with an error if
another answer differs.
"""

from __future__ import annotations

import base64
import sys
import threading
from time import perf_counter

import grpc

from tests.bench import grpc_contract
from tests.bench.processes import take_core

_IN_FLIGHT = 32


def main(port: str, token: str) -> None:
    """Serve rounds until standard input ends."""
    pb = grpc_contract.module("acme.billing.v1.billing_pb2")
    request = pb.CreateInvoiceRequest(title="Two courses and a sticker sheet").SerializeToString()
    metadata = (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        create = channel.unary_unary("/acme.billing.v1.BillingService/CreateInvoice", None, None)
        expected = create(request, timeout=5, metadata=metadata)
        try:
            create(request, timeout=5, metadata=(("authorization", "Bearer forged"),))
        except grpc.RpcError as refused:
            if refused.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
        else:
            raise SystemExit("a forged token was accepted")
        print(base64.b64encode(expected).decode("ascii"), flush=True)
        for line in sys.stdin:
            print(_round(create, request, metadata, expected, float(line)), flush=True)


def _round(
    create: grpc.UnaryUnaryMultiCallable[bytes, bytes],
    request: bytes,
    metadata: tuple[tuple[str, str], ...],
    expected: bytes,
    seconds: float,
) -> int:
    room, failures = threading.Semaphore(_IN_FLIGHT), []

    def done(answer: grpc.Future[bytes]) -> None:
        if answer.exception() is not None or answer.result() != expected:
            failures.append(answer.exception())
        room.release()

    count, began = 0, perf_counter()
    while perf_counter() - began < seconds and not failures:
        room.acquire()
        create.future(request, timeout=5, metadata=metadata).add_done_callback(done)
        count += 1
    for _ in range(_IN_FLIGHT):
        room.acquire()
    if failures:
        raise SystemExit(f"an answer differs from the first: {failures[0]!r}")
    return count


if __name__ == "__main__":
    take_core()
    grpc_contract.use()
    main(*sys.argv[1:])
