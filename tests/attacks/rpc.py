"""Innocent gRPC clients of a victim, and a stranger who uses both of its servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import grpc
import httpx
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.attacks.conftest import Victim
from tests.attacks.stranger import Stranger

LIST = "/acme.billing.v1.BillingService/ListInvoices"
PAGE_OF_ONE = b"\x10\x01"
"""ListInvoicesRequest(page_size=1)."""


@contextmanager
def channel(victim: Victim) -> Iterator[grpc.Channel]:
    """Open a stock channel to the victim's gRPC server, on a connection of its own."""
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
    with grpc.insecure_channel(victim.deployment.grpc, options) as opened:
        yield opened


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a call with this token."""
    return (("authorization", f"Bearer {token}"),)


@contextmanager
def stranger(victim: Victim) -> Iterator[Stranger]:
    """Yield a client who lists invoices over REST and over gRPC, and asks both servers for their health."""
    with ExitStack() as stack:
        anyone = stack.enter_context(httpx.Client(base_url=victim.rest, timeout=30))
        caller = stack.enter_context(victim.client())
        calls = stack.enter_context(channel(victim))
        list_invoices = calls.unary_unary(LIST, None, None)
        check = HealthStub(stack.enter_context(channel(victim))).Check
        yield Stranger(
            healthz=lambda: anyone.get("/healthz"),
            operation=lambda: caller.get("/v1/invoices"),
            call=answered(lambda: list_invoices(PAGE_OF_ONE, timeout=30, metadata=bearer(victim.token))),
            health=answered(lambda: check(HealthCheckRequest(), timeout=30)),
        )


def answered(call: Callable[[], object]) -> Callable[[], httpx.Response]:
    """Return the outcome of a gRPC call as the stranger counts it: 200, or 500 with the status as its reason."""

    def ask() -> httpx.Response:
        try:
            call()
        except grpc.RpcError as error:
            raise httpx.ReadError(f"{error.code().name}: {error.details()}") from error
        return httpx.Response(200)

    return ask
