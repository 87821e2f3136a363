"""`python -m tests.overload.apps in-process|rpc|gateway port`: one server of the overload tables.

It serves the compiler's golden contract with the settings that a service has if nobody sets any. createInvoice uses 5 ms
of CPU, getInvoice waits 50 ms as for another server. A gateway calls the rpc server at RPC_TARGET.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final

from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.observability.logging import configure
from aether_adapters.service.assembly import Edges, Servers
from aether_adapters.service.process import run_roles
from aether_adapters.service.settings import ServiceSettings

from tests.bench import grpc_contract
from tests.bench.rest_apps import SERVICE_KEYS, verifier
from tests.overload import baseline

CPU_SECONDS: Final = 0.005
WAIT_SECONDS: Final = 0.05
_CREATED_AT: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def use_cases() -> Any:
    """The port in front of the two kinds of work."""
    types = grpc_contract.module("acme.billing.v1.types")

    def invoice(title: str) -> Any:
        return types.Invoice(
            id=7, title=title, status=types.InvoiceStatus.OPEN, version=1, created_at=_CREATED_AT
        )

    def compute(request: Any, /) -> Any:
        end = time.thread_time() + CPU_SECONDS
        while time.thread_time() < end:
            pass
        return invoice(request.title)

    def wait(_: Any, /) -> Any:
        time.sleep(WAIT_SECONDS)
        return invoice("waited")

    return grpc_contract.module("acme.billing.v1.port").BillingService(
        create_invoice=compute, get_invoice=wait, list_invoices=wait, close_invoice=wait, get_tally=wait
    )


def main(role: str, port: str) -> int:
    """Serve until SIGTERM."""
    grpc_contract.use()
    edge = grpc_contract.module("acme.billing.v1.grpc")
    edges: Any = Edges(
        grpc=edge,
        threads=grpc_contract.module("acme.billing.v1.threads"),
        rest=grpc_contract.module("acme_openapi.billing"),
        errors=ErrorTable("billing", {}),
    )
    os.environ |= {
        "REST_PORT": port,
        "GRPC_PORT": port,
        "LOG_FORMAT": "json",
        "TOKEN_ISSUER": "bench",
        "TOKEN_AUDIENCE": "bench",
        "SERVICE_KEY": str(SERVICE_KEYS / "private.pem"),
    }
    settings = ServiceSettings()
    configure(settings.log_format, settings.log_level)
    verify: Any = verifier()
    if os.environ.get(baseline.VARIABLE):
        baseline.use()
    servers = Servers(edges=edges, service=use_cases, verifier=lambda: verify)
    health = Health({})
    server = servers.grpc(settings, health) if role == "rpc" else servers.rest(settings, health)
    return run_roles({role: server.run}, [role], health=health)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
