"""`python -m tests.bench.grpc_apps aether|handwritten`: serve gRPC; print port and pid first.

Both create invoices in memory for the caller of an RS256 token, verified with the same `verify`. The handwritten one
follows grpcio's tutorial: a servicer on protobuf messages, and nothing else.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from aether_adapters.grpc import serve
from aether_adapters.kernel.errors import Unauthenticated
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health

from tests.bench import grpc_contract
from tests.bench.processes import take_core
from tests.bench.rest_apps import verifier

THREADS = 16
CREATED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NUMBER = 9007199254740993


@dataclass(frozen=True, slots=True)
class MemoryInvoices:
    """Keeps the latest invoice of each title."""

    rows: dict[tuple[str, str], Any] = field(default_factory=dict)

    def save(self, owner: str, invoice: Any) -> None:
        self.rows[owner, invoice.title] = invoice


def aether() -> int:
    """The kit's server in front of a use case on a memory adapter."""
    types = grpc_contract.module("acme.billing.v1.types")
    edge = grpc_contract.module("acme.billing.v1.grpc")
    invoice_of, opened = types.Invoice, types.InvoiceStatus.OPEN

    @dataclass(frozen=True, slots=True)
    class CreateInvoice:
        invoices: MemoryInvoices

        def __call__(self, request: Any, /) -> Any:
            invoice = invoice_of(
                id=NUMBER, title=request.title, status=opened, version=1, created_at=CREATED_AT
            )
            self.invoices.save(request.caller.subject, invoice)
            return invoice

    create = CreateInvoice(MemoryInvoices())
    port = grpc_contract.module("acme.billing.v1.port").BillingService(
        create_invoice=create,
        get_invoice=create,
        list_invoices=create,
        close_invoice=create,
        get_tally=create,
    )
    server = serve(
        [edge.service(port)],
        errors=ErrorTable("billing", {}),
        verify=verifier(),
        health=Health({}),
        address="127.0.0.1:0",
        threads=THREADS,
        access_log=False,  # as in the rows of the REST edge
    )
    _SERVERS.append(server)
    return server.port


def handwritten() -> int:
    """grpcio alone."""
    pb = grpc_contract.module("acme.billing.v1.billing_pb2")
    verify, invoices = verifier(), MemoryInvoices()

    def create(request: Any, context: grpc.ServicerContext) -> Any:
        metadata: Any = context.invocation_metadata()
        token = dict(metadata).get("authorization", "")
        try:
            caller = verify(token.removeprefix("Bearer "))
        except Unauthenticated as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, error.detail)
        if request.HasField("caller"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "caller is not yours to fill")
        invoice = pb.Invoice(
            id=NUMBER, title=request.title, status=pb.INVOICE_STATUS_OPEN, version=1, created_at=CREATED_AT
        )
        invoices.save(caller.subject, invoice)
        return invoice

    handler = grpc.unary_unary_rpc_method_handler(
        create, pb.CreateInvoiceRequest.FromString, pb.Invoice.SerializeToString
    )
    server = grpc.server(ThreadPoolExecutor(THREADS))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("acme.billing.v1.BillingService", {"CreateInvoice": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _SERVERS.append(server)
    return port


_SERVERS: list[object] = []
"""Keeps references: a server stops once it is garbage collected."""

if __name__ == "__main__":
    take_core()
    grpc_contract.use()
    print({"aether": aether, "handwritten": handwritten}[sys.argv[1]](), os.getpid(), flush=True)
    threading.Event().wait()
