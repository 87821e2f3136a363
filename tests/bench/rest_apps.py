"""One operation, served by each contestant the way its own documentation shows: an order is validated and echoed.

No storage, so that the frameworks are what is measured. Every contestant verifies the caller's RS256 token through the
one `verify` below.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any, Literal

import orjson
from aether_adapters.errors import ErrorTable, Unauthenticated
from aether_adapters.health import Health
from aether_adapters.identity import Access, Identity
from aether_adapters.rest import Inputs, Operation, Reply, RestOptions, build_app
from aether_adapters.tokens import DevelopmentKeys, Issuer, Keys, Verifier
from connexion import AsyncApp, context
from connexion.exceptions import OAuthProblem
from connexion.lifecycle import ConnexionResponse
from connexion.resolver import Resolver
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

CONTRACT = Path(__file__).with_name("rest_contract.yaml")
BODY = orjson.dumps(
    {
        "customer": "Ada Lovelace",
        "currency": "EUR",
        "note": "Leave it at the door, please.",
        "lines": [
            {"sku": "course-hexagons", "quantity": 1, "priceCents": 12900},
            {"sku": "course-contracts", "quantity": 2, "priceCents": 9900},
            {"sku": "sticker-sheet", "quantity": 10, "priceCents": 150},
        ],
    }
)
TOO_MANY = BODY.replace(b'"quantity":10,', b'"quantity":1001,')
NO_LINES = orjson.dumps({"customer": "Ada", "currency": "EUR"})

_KEYS = Path(os.environ.get("BENCH_KEYS", Path(gettempdir()) / f"aether-bench-keys-{os.getuid()}"))


def token() -> str:
    """A token of the bench's caller, good for an hour."""
    pair = DevelopmentKeys(_KEYS).ensure()
    return Issuer(pair.private_key, "bench", "bench", pair.kid).issue("ada", seconds=3600)


def verifier() -> Verifier:
    """The one function that every contestant verifies with; BENCH_TOKEN_CACHE=0 turns its cache off."""
    pair = DevelopmentKeys(_KEYS).ensure()
    size = int(os.environ.get("BENCH_TOKEN_CACHE", "1000"))
    return Verifier(Keys.from_file(pair.jwks), "bench", "bench", cache_size=size)


# Aether: what `aether generate` writes for this contract, and an operation that echoes.


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    sku: str
    quantity: int
    price_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    owner: str
    customer: str
    currency: str
    note: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    id: int
    owner: str
    customer: str
    currency: str
    note: str
    total_cents: int
    lines: tuple[Line, ...]


def _line_from(value: dict[str, Any]) -> Line:
    return Line(sku=value["sku"], quantity=value["quantity"], price_cents=value["priceCents"])


def _decode(inputs: Inputs) -> PlaceOrder:
    body = inputs.body
    return PlaceOrder(
        owner=inputs.identity.subject,
        customer=body["customer"],
        currency=body["currency"],
        note=body.get("note", ""),
        lines=tuple([_line_from(item) for item in body["lines"]]),
    )


async def _place(request: PlaceOrder) -> Order:
    return Order(
        id=1,
        owner=request.owner,
        customer=request.customer,
        currency=request.currency,
        note=request.note,
        total_cents=sum(line.quantity * line.price_cents for line in request.lines),
        lines=request.lines,
    )


def _line(value: Line) -> dict[str, object]:
    return {"sku": value.sku, "quantity": value.quantity, "priceCents": value.price_cents}


def _encode(value: Order) -> Reply:
    return Reply(
        201,
        (("location", f"/v1/orders/{value.id}"),),
        {
            "id": str(value.id),
            "owner": value.owner,
            "customer": value.customer,
            "currency": value.currency,
            "note": value.note,
            "totalCents": value.total_cents,
            "lines": [_line(item) for item in value.lines],
        },
    )


def aether() -> Any:
    """The compiled edge. No access log, as the others have none."""
    return build_app(
        CONTRACT,
        [Operation("placeOrder", Access.CALLER, _decode, _place, _encode)],
        errors=ErrorTable("shop", {}),
        verify=verifier(),
        health=Health({}),
        options=RestOptions(access_log=False),
    )


# FastAPI: pydantic models in and out, the caller as a dependency.


class LineModel(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sku: Annotated[str, Field(min_length=1, max_length=40)]
    quantity: Annotated[int, Field(ge=1, le=1000, strict=True)]
    priceCents: Annotated[int, Field(ge=0, strict=True)]  # noqa: N815  # the contract's name


class NewOrderModel(BaseModel):
    model_config = ConfigDict(extra="forbid")
    customer: Annotated[str, Field(min_length=1, max_length=80)]
    currency: Literal["EUR", "USD", "GBP"]
    note: Annotated[str, Field(max_length=200)] = ""
    lines: Annotated[list[LineModel], Field(min_length=1, max_length=50)]


class OrderModel(BaseModel):
    id: str
    owner: str
    customer: str
    currency: str
    note: str
    totalCents: int  # noqa: N815  # the contract's name
    lines: list[LineModel]


def fastapi() -> Any:
    """FastAPI as its tutorial has it."""
    app, verify = FastAPI(), verifier()
    bearer_scheme = HTTPBearer()

    # Dependencies stand as defaults: FastAPI reads postponed annotations from the module, and these are local.
    async def caller(credentials: HTTPAuthorizationCredentials = Depends(bearer_scheme)) -> Identity:  # noqa: B008
        try:
            return verify(credentials.credentials)
        except Unauthenticated as error:
            raise HTTPException(401, error.detail) from error

    @app.post("/v1/orders", status_code=201)
    async def place_order(
        new: NewOrderModel,
        response: Response,
        identity: Identity = Depends(caller),  # noqa: B008
    ) -> OrderModel:
        response.headers["location"] = "/v1/orders/1"
        return OrderModel(
            id="1",
            owner=identity.subject,
            customer=new.customer,
            currency=new.currency,
            note=new.note,
            totalCents=sum(line.quantity * line.priceCents for line in new.lines),
            lines=new.lines,
        )

    return app


# Starlette: the same answer, with nothing validated but the token.


def _echo(body: dict[str, Any], owner: str) -> dict[str, Any]:
    return {
        "id": "1",
        "owner": owner,
        "customer": body["customer"],
        "currency": body["currency"],
        "note": body.get("note", ""),
        "totalCents": sum(line["quantity"] * line["priceCents"] for line in body["lines"]),
        "lines": body["lines"],
    }


def starlette() -> Any:
    """Starlette as its documentation has it."""
    verify = verifier()

    async def place_order(request: Request) -> JSONResponse:
        identity = verify(request.headers["authorization"].removeprefix("Bearer "))
        return JSONResponse(
            _echo(await request.json(), identity.subject),
            status_code=201,
            headers={"location": "/v1/orders/1"},
        )

    return Starlette(routes=[Route("/v1/orders", place_order, methods=["POST"])])


# Connexion as it comes: contract, validation and security interpreted at each request.

_verify: Verifier | None = None


def bearer(token: str) -> dict[str, Any]:
    """Named in the contract, for Connexion's security layer."""
    assert _verify is not None
    try:
        return {"sub": _verify(token).subject}
    except Unauthenticated as error:
        raise OAuthProblem(detail=error.detail) from error


async def place_order(body: dict[str, Any]) -> ConnexionResponse:
    """Answers bytes, because Connexion's own JSON ends in a line feed and the others' does not."""
    answer = orjson.dumps(_echo(body, context.context["user"]))
    return ConnexionResponse(
        status_code=201, body=answer, content_type="application/json", headers={"location": "/v1/orders/1"}
    )


def connexion() -> Any:
    """Connexion's asynchronous app on the same contract."""
    global _verify
    _verify = verifier()
    app = AsyncApp(__name__)
    app.add_api(CONTRACT, resolver=Resolver(lambda operation_id: place_order))
    return app
