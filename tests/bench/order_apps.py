"""Places an order of three items, with the edge with generated code and with FastAPI as in its tutorial.

Larger than the invoice of `rest_apps`: a header, bounds and patterns in each item, the whole order with its total in
the answer. `..._use_case` places it through a use case that keeps it in memory. Ours is synchronous and runs in the
thread pool, like every use case; FastAPI calls its own on the event loop, which is its fastest way and suffices for a
function that never blocks. As a plain function, in FastAPI's thread pool, it costs twice as much.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

from aether_adapters.kernel.errors import Unauthenticated
from aether_adapters.kernel.identity import Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest import Offload, RestOptions, build_app
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from tests.bench import grpc_contract
from tests.bench.rest_apps import verifier

BODY = (
    b'{"items":[{"courseId":"7204113256386461697","seats":1,"cents":"19900"},'
    b'{"courseId":"7204113256386461698","seats":2,"cents":"4950"},'
    b'{"courseId":"7204113256386461699","seats":12,"cents":"990"}],"note":"Please send one invoice for all three."}'
)
REFUSED = (
    b'{"items":[]}',
    b'{"items":[{"courseId":"7","seats":0,"cents":"1"}]}',
    b'{"items":[{"courseId":"x","seats":1,"cents":"1"}]}',
    b'{"items":[{"courseId":"7","seats":1,"cents":"1"}],"owner":"root"}',
    b'{"items":[{"courseId":"7","seats":1}]}',
    b"{}",
)

_ID = 7204113256386461696
_BORN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_HEADERS = {"location": f"/v1/orders/{_ID}", "etag": '"1"'}


@dataclass(frozen=True, slots=True)
class MemoryOrders:
    """Keeps the latest order of each buyer's key."""

    rows: dict[tuple[str, str], Any] = field(default_factory=dict)

    def save(self, buyer: str, key: str, order: Any) -> None:
        self.rows[buyer, key] = order


# Aether: the compiled edge with generated code. No access log, because the others have none.


def aether() -> Any:
    """The edge alone, on an asynchronous port."""
    grpc_contract.use()
    types = grpc_contract.module("shop.trade.v1.types")

    async def place(request: Any) -> Any:
        return _placed(types, request)

    return _edge(grpc_contract.module("shop.trade.v1.port").AsyncTradeService(place_order=place))


def aether_use_case() -> Any:
    """The edge in front of the use cases in one process, as in the templates."""
    grpc_contract.use()
    types = grpc_contract.module("shop.trade.v1.types")

    @dataclass(frozen=True, slots=True)
    class PlaceOrder:
        orders: MemoryOrders

        def __call__(self, request: Any, /) -> Any:
            order = _placed(types, request)
            self.orders.save(request.caller.subject, request.idempotency_key, order)
            return order

    service = grpc_contract.module("shop.trade.v1.port").TradeService(place_order=PlaceOrder(MemoryOrders()))
    in_threads = grpc_contract.module("shop.trade.v1.threads").in_threads
    return _edge(in_threads(service, Offload(threads=16, queue=64)))


def _placed(types: Any, request: Any) -> Any:
    return types.Order(
        id=_ID,
        status=types.OrderStatus.PLACED,
        items=request.items,
        total_cents=sum([item.seats * item.cents for item in request.items]),
        version=1,
        placed_at=_BORN,
    )


def _edge(port: Any) -> Any:
    trade = grpc_contract.module("shop_openapi.trade")
    return build_app(
        trade.CONTRACT,
        trade.operations(port),
        errors=ErrorTable("trade", {}),
        verify=verifier(),
        health=Health({}),
        options=RestOptions(access_log=False),
    )


# FastAPI: pydantic models in and out, the caller as a dependency.

Id = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,18}$")]
Count = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]


class OrderStatus(Enum):
    PLACED = "ORDER_STATUS_PLACED"
    PAID = "ORDER_STATUS_PAID"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    courseId: Id  # noqa: N815  # the contract's name
    seats: Annotated[int, Field(ge=1, le=100)]
    cents: Count


class NewOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    items: Annotated[list[Item], Field(min_length=1, max_length=50)]
    note: Annotated[str | None, Field(max_length=500)] = None


class Order(BaseModel):
    id: str
    status: OrderStatus
    items: list[Item]
    totalCents: str  # noqa: N815  # the contract's name
    version: str
    placedAt: datetime  # noqa: N815  # the contract's name


def _order(items: list[Item]) -> Order:
    return Order(
        id=str(_ID),
        status=OrderStatus.PLACED,
        items=items,
        totalCents=str(sum([item.seats * int(item.cents) for item in items])),
        version="1",
        placedAt=_BORN,
    )


def fastapi() -> Any:
    """FastAPI as in its tutorial."""
    app, caller = _fastapi()

    # Dependencies are defaults, because FastAPI resolves postponed annotations in the module, and these are local.
    @app.post("/v1/orders", status_code=201)
    async def place_order(
        new: NewOrder,
        response: Response,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=64)],
        identity: Identity = Depends(caller),  # noqa: B008
    ) -> Order:
        response.headers.update(_HEADERS)
        return _order(new.items)

    return app


def fastapi_use_case() -> Any:
    """FastAPI in front of a use case on a memory adapter."""
    app, caller = _fastapi()
    orders = MemoryOrders()

    @app.post("/v1/orders", status_code=201)
    async def place_order(
        new: NewOrder,
        response: Response,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=64)],
        identity: Identity = Depends(caller),  # noqa: B008
    ) -> Order:
        order = _order(new.items)
        orders.save(identity.subject, idempotency_key, order)
        response.headers.update(_HEADERS)
        return order

    return app


def _fastapi() -> tuple[FastAPI, Any]:
    verify = verifier()
    bearer_scheme = HTTPBearer()

    async def caller(credentials: HTTPAuthorizationCredentials = Depends(bearer_scheme)) -> Identity:  # noqa: B008
        try:
            return verify(credentials.credentials)
        except Unauthenticated as error:
            raise HTTPException(401, error.detail) from error

    return FastAPI(), caller
