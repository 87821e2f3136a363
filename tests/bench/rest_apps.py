"""One operation that creates and returns an invoice, served by each contestant as in its own documentation.

There is no storage, so that only the frameworks are measured. Every contestant verifies the caller's RS256 token with
the same `verify`.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any

import msgspec
import orjson
import yaml
from aether_adapters.auth.service_tokens import ServiceTokens
from aether_adapters.auth.tokens import DevelopmentKeys, Issuer, KeySet, Verifier
from aether_adapters.kernel.errors import Unauthenticated
from aether_adapters.kernel.identity import Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest import RestOptions, build_app
from connexion import AsyncApp
from connexion.exceptions import OAuthProblem
from connexion.lifecycle import ConnexionResponse
from connexion.resolver import Resolver
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response as PlainResponse
from starlette.routing import Route

from tests.bench import grpc_contract

BODY = b'{"title":"Two courses and a sticker sheet"}'
REFUSED = (b'{"title":""}', b'{"title":"a","owner":"root"}', b'{"title":7}', b"{}")

_BORN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_HEADERS = {"location": "/v1/invoices/7204113256386461696", "etag": '"1"'}
_KEYS = Path(os.environ.get("BENCH_KEYS", Path(gettempdir()) / f"aether-bench-keys-{os.getuid()}"))
SERVICE_KEYS = _KEYS / "services"


def token() -> str:
    """Return a token of the benchmark's caller, valid for an hour."""
    pair = DevelopmentKeys(_KEYS).ensure()
    return Issuer(pair.private_key, "bench", "bench", pair.kid).issue("ada", seconds=3600)


def verifier() -> Verifier:
    """Return the token verifier of every contestant; BENCH_TOKEN_CACHE=0 turns its cache off."""
    users, services = (DevelopmentKeys(folder).ensure() for folder in (_KEYS, SERVICE_KEYS))
    size = int(os.environ.get("BENCH_TOKEN_CACHE", "1000"))
    keys = KeySet.from_setting(f"{users.jwks} {services.jwks}#services=*", issuer="bench")
    return Verifier(keys, "bench", "bench", cache_size=size)


def service_tokens() -> ServiceTokens:
    """Return the source of a gateway's own tokens."""
    pair = DevelopmentKeys(SERVICE_KEYS).ensure()
    return ServiceTokens("gateway", lambda: Issuer(pair.private_key, "bench", "bench", pair.kid))


def aether() -> Any:
    """The compiled edge with generated code. No access log, because the others have none."""
    grpc_contract.use()
    billing = grpc_contract.module("acme_openapi.billing")
    port, types = (grpc_contract.module(f"acme.billing.v1.{name}") for name in ("port", "types"))

    async def create(request: Any) -> Any:
        return types.Invoice(
            id=7204113256386461696,
            title=request.title,
            status=types.InvoiceStatus.OPEN,
            version=1,
            created_at=_BORN,
        )

    service = port.AsyncBillingService(
        **dict.fromkeys(("get_invoice", "list_invoices", "close_invoice", "get_tally"), create),
        create_invoice=create,
    )
    return build_app(
        billing.CONTRACT,
        billing.operations(service),
        errors=ErrorTable("billing", {}),
        verify=verifier(),
        health=Health({}),
        options=RestOptions(access_log=False),
    )


# FastAPI: pydantic models in and out, the caller as a dependency.


class InvoiceStatus(Enum):
    OPEN = "INVOICE_STATUS_OPEN"
    CLOSED = "INVOICE_STATUS_CLOSED"


class NewInvoice(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, Field(min_length=1, max_length=200)]


class Invoice(BaseModel):
    id: str
    title: str
    status: InvoiceStatus
    version: str
    createdAt: datetime  # noqa: N815  # the contract's name


def fastapi() -> Any:
    """FastAPI as in its tutorial."""
    app, verify = FastAPI(), verifier()
    bearer_scheme = HTTPBearer()

    # Dependencies are defaults, because FastAPI resolves postponed annotations in the module, and these are local.
    async def caller(credentials: HTTPAuthorizationCredentials = Depends(bearer_scheme)) -> Identity:  # noqa: B008
        try:
            return verify(credentials.credentials)
        except Unauthenticated as error:
            raise HTTPException(401, error.detail) from error

    @app.post("/v1/invoices", status_code=201)
    async def create_invoice(
        new: NewInvoice,
        response: Response,
        identity: Identity = Depends(caller),  # noqa: B008
    ) -> Invoice:
        response.headers.update(_HEADERS)
        return Invoice(
            id="7204113256386461696",
            title=new.title,
            status=InvoiceStatus.OPEN,
            version="1",
            createdAt=_BORN,
        )

    return app


# Starlette: the same answer, validating only the token.


def _invoice(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "7204113256386461696",
        "title": body["title"],
        "status": "INVOICE_STATUS_OPEN",
        "version": "1",
        "createdAt": "2026-01-02T03:04:05Z",
    }


def starlette() -> Any:
    """Starlette as in its documentation."""
    verify = verifier()

    async def create_invoice(request: Request) -> JSONResponse:
        verify(request.headers["authorization"].removeprefix("Bearer "))
        return JSONResponse(_invoice(await request.json()), status_code=201, headers=_HEADERS)

    return Starlette(routes=[Route("/v1/invoices", create_invoice, methods=["POST"])])


# Starlette with msgspec: the fastest by hand, validating as much as ours.


class NewInvoiceStruct(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class InvoiceStruct(msgspec.Struct):
    id: str
    title: str
    status: str
    version: str
    createdAt: datetime  # noqa: N815  # the contract's name


def starlette_msgspec() -> Any:
    """Starlette with bodies decoded and encoded by msgspec, prepared once."""
    verify = verifier()
    decode, encode = msgspec.json.Decoder(NewInvoiceStruct).decode, msgspec.json.Encoder().encode

    async def create_invoice(request: Request) -> PlainResponse:
        try:
            verify(request.headers["authorization"].removeprefix("Bearer "))
            new = decode(await request.body())
        except (KeyError, Unauthenticated):
            return PlainResponse(status_code=401)
        except msgspec.DecodeError as error:
            return PlainResponse(encode({"detail": str(error)}), 422, media_type="application/problem+json")
        invoice = InvoiceStruct("7204113256386461696", new.title, "INVOICE_STATUS_OPEN", "1", _BORN)
        return PlainResponse(encode(invoice), 201, _HEADERS, "application/json")

    return Starlette(routes=[Route("/v1/invoices", create_invoice, methods=["POST"])])


# Stock Connexion: it interprets contract, validation and security at each request.

_verify: Verifier | None = None


def bearer(token: str) -> dict[str, Any]:
    """Named in the contract, for Connexion's security layer."""
    assert _verify is not None
    try:
        return {"sub": _verify(token).subject}
    except Unauthenticated as error:
        raise OAuthProblem(detail=error.detail) from error


async def create_invoice(body: dict[str, Any]) -> ConnexionResponse:
    """Return bytes, because Connexion's own JSON ends in a line feed and the others' does not."""
    return ConnexionResponse(
        status_code=201, body=orjson.dumps(_invoice(body)), content_type="application/json", headers=_HEADERS
    )


def connexion() -> Any:
    """Connexion's asynchronous app on the same contract."""
    global _verify
    _verify = verifier()
    logging.getLogger("connexion").setLevel(logging.CRITICAL)  # it would print the refused requests
    grpc_contract.use()
    document = yaml.safe_load(grpc_contract.module("acme_openapi.billing").CONTRACT.read_text())
    document["components"]["securitySchemes"]["bearer"]["x-bearerInfoFunc"] = f"{__name__}.bearer"
    app = AsyncApp(__name__)
    app.add_api(document, resolver=Resolver(lambda _: create_invoice))
    return app
