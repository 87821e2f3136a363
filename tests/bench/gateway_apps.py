"""REST gateways in front of one gRPC service: the compiled edge, and FastAPI with grpc.aio by hand.

BENCH_RPC_PORT is the service's port. Both gateways verify the caller's token with the same `verify`, forward it, and
limit the call to five seconds. Ours sends a token of its own too, as deployed.
"""

from __future__ import annotations

import os
from typing import Annotated, Any

import grpc
import grpc.aio
from aether_adapters.grpc import AsyncChannel
from aether_adapters.kernel.errors import Unauthenticated
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.kernel.protojson import timestamp_json
from aether_adapters.observability.health import Health
from aether_adapters.rest import RestOptions, build_app
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from tests.bench import grpc_contract
from tests.bench.rest_apps import service_tokens, verifier


def aether() -> Any:
    """The generated edge and the generated client."""
    grpc_contract.use()
    billing = grpc_contract.module("acme_openapi.billing")
    client = grpc_contract.module("acme.billing.v1.grpc").async_client
    target = f"127.0.0.1:{os.environ['BENCH_RPC_PORT']}"
    port = client(AsyncChannel(target, service_token=service_tokens()))
    return build_app(
        billing.CONTRACT,
        billing.operations(port),
        errors=ErrorTable("billing", {}),
        verify=verifier(),
        health=Health({}),
        options=RestOptions(access_log=False),
    )


class NewInvoice(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, Field(min_length=1, max_length=200)]


class InvoiceModel(BaseModel):
    id: str
    title: str
    status: str
    version: str
    createdAt: str  # noqa: N815  # the contract's name


def fastapi() -> Any:
    """FastAPI and grpc.aio, each as in its tutorial, with one channel for all requests."""
    grpc_contract.use()
    pb = grpc_contract.module("acme.billing.v1.billing_pb2")
    app, verify, bearer, kept = FastAPI(), verifier(), HTTPBearer(), {}

    def create_invoice() -> Any:
        # A grpc.aio channel belongs to the loop that is running at its creation.
        if "create" not in kept:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{os.environ['BENCH_RPC_PORT']}")
            kept["create"] = channel.unary_unary(
                "/acme.billing.v1.BillingService/CreateInvoice",
                pb.CreateInvoiceRequest.SerializeToString,
                pb.Invoice.FromString,
            )
        return kept["create"]

    # Dependencies are defaults, because FastAPI resolves postponed annotations in the module, and these are local.
    async def caller(credentials: HTTPAuthorizationCredentials = Depends(bearer)) -> str:  # noqa: B008
        try:
            verify(credentials.credentials)
        except Unauthenticated as error:
            raise HTTPException(401, error.detail) from error
        return credentials.credentials

    @app.post("/v1/invoices", status_code=201)
    async def create(new: NewInvoice, response: Response, token: str = Depends(caller)) -> InvoiceModel:
        metadata = (("authorization", f"Bearer {token}"),)
        try:
            made = await create_invoice()(
                pb.CreateInvoiceRequest(title=new.title), timeout=5, metadata=metadata
            )
        except grpc.aio.AioRpcError as error:
            raise HTTPException(502, error.details()) from error
        response.headers["location"] = f"/v1/invoices/{made.id}"
        response.headers["etag"] = f'"{made.version}"'
        return InvoiceModel(
            id=str(made.id),
            title=made.title,
            status=pb.InvoiceStatus.Name(made.status),
            version=str(made.version),
            createdAt=timestamp_json(made.created_at.ToDatetime()),
        )

    return app
