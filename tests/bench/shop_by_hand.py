"""`python -m tests.bench.shop_by_hand api|rpc`: reading a course, and ordering a seat that is sold out, written by hand.

As a good team would write it: FastAPI in front of a gRPC service, SQLAlchemy Core on the shop's own database, redis-py.
Like the shop, both processes verify the caller's token, the gateway checks a limit for the user and one for the address
in one round trip to Redis and writes a line to a log, and a call has a deadline. Whether seats are left, the service
asks Redis first. It prints port and pid first, and finds everything in the environment: see `Place`.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self
from uuid import uuid4

import grpc
import grpc.aio
import redis
import redis.asyncio
import uvicorn
from aether_adapters.auth.tokens import KeySet, Verifier
from aether_adapters.kernel.errors import Unauthenticated
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    select,
)

from aether.trade.v1 import trade_pb2

_SERVICE: Final = "aether.trade.v1.TradeService"
_SOLD_OUT: Final = "stock-gone"
_BUCKETS: Final = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local rate, burst, left = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for at, key in ipairs(KEYS) do
  local bucket = redis.call('HMGET', key, 'left', 'at')
  left[at] = math.min(burst, (tonumber(bucket[1]) or burst) + (now - (tonumber(bucket[2]) or now)) * rate) - 1
  if left[at] < 0 then return 0 end
end
for at, key in ipairs(KEYS) do
  redis.call('HSET', key, 'left', left[at], 'at', now)
  redis.call('EXPIRE', key, math.ceil(burst / rate) + 1)
end
return 1
"""
COURSES: Final = Table(
    "courses",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("title", String),
    Column("price_cents", BigInteger),
    Column("on_sale", Boolean),
    Column("created_at", DateTime),
    Column("version", BigInteger),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the servers are, and what tokens must say."""

    database: str
    redis: str
    jwks: str
    issuer: str
    audience: str
    log: str
    rpc_port: str

    @classmethod
    def here(cls) -> Self:
        """Read the environment: BY_HAND_DATABASE, and so on."""
        return cls(**{each.name: os.environ[f"BY_HAND_{each.name.upper()}"] for each in fields(cls)})

    def verifier(self) -> Verifier:
        """Return the verifier of the shop's tokens; its cache is that of every contestant."""
        return Verifier(KeySet.from_setting(self.jwks, issuer=self.issuer), self.issuer, self.audience)


def stock_key(activity: int) -> str:
    """Return the key in Redis of how many seats are left."""
    return f"by-hand:{{stock}}:{activity}"


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    courseId: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,18}$")]  # noqa: N815  # the contract's names
    quantity: Annotated[int, Field(ge=1, le=100)]
    activityId: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,18}$")]  # noqa: N815


class NewOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    items: Annotated[list[Item], Field(min_length=1, max_length=20)]


class Course(BaseModel):
    id: str
    title: str
    priceCents: str  # noqa: N815
    onSale: bool  # noqa: N815
    version: str
    createdAt: datetime  # noqa: N815


class AccessLine:
    """Writes a line to the log for each request."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._log = logging.getLogger("access")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, request_id = time.perf_counter(), 0, uuid4().hex

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        await self._app(scope, receive, noted)
        line = {
            "time": datetime.now(UTC).isoformat(),
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "milliseconds": round((time.perf_counter() - began) * 1000, 3),
            "request_id": request_id,
        }
        self._log.info(json.dumps(line))


def api(place: Place) -> FastAPI:
    """Return the gateway."""
    app, verify, bearer = FastAPI(), place.verifier(), HTTPBearer()
    take = redis.asyncio.Redis.from_url(place.redis).register_script(_BUCKETS)
    stubs: dict[str, Any] = {}

    def stub(method: str, request: Any, answer: Any) -> Any:
        # A grpc.aio channel belongs to the loop that is running at its creation.
        if not stubs:
            stubs["channel"] = grpc.aio.insecure_channel(f"127.0.0.1:{place.rpc_port}")
        if method not in stubs:
            path = f"/{_SERVICE}/{method}"
            stubs[method] = stubs["channel"].unary_unary(path, request.SerializeToString, answer.FromString)
        return stubs[method]

    # Dependencies are defaults, because FastAPI resolves postponed annotations in the module, and these are local.
    async def caller(
        request: Request,
        credentials: HTTPAuthorizationCredentials = Depends(bearer),  # noqa: B008
    ) -> str:
        try:
            identity = verify(credentials.credentials)
        except Unauthenticated as error:
            raise HTTPException(401, error.detail) from error
        address = request.client.host if request.client else ""
        keys = [f"by-hand:{{limit}}:user:{identity.subject}", f"by-hand:{{limit}}:address:{address}"]
        if not await take(keys, [1_000_000, 1_000_000]):
            raise HTTPException(429, "Too many requests.", {"retry-after": "1"})
        return credentials.credentials

    async def asked(method: str, request: Any, answer: Any, token: str) -> Any:
        try:
            call = stub(method, request, answer)
            return await call(request, timeout=5, metadata=(("authorization", f"Bearer {token}"),))
        except grpc.aio.AioRpcError as error:
            known = {grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.FAILED_PRECONDITION: 409}
            raise HTTPException(known.get(error.code(), 503), error.details()) from error

    @app.get("/v1/courses/{course_id}")
    async def get_course(course_id: int, response: Response, token: str = Depends(caller)) -> Course:
        found = await asked("GetCourse", trade_pb2.GetCourseRequest(id=course_id), trade_pb2.Course, token)
        response.headers["etag"] = f'"{found.version}"'
        return Course(
            id=str(found.id),
            title=found.title,
            priceCents=str(found.price_cents),
            onSale=found.on_sale,
            version=str(found.version),
            createdAt=found.created_at.ToDatetime(UTC),
        )

    @app.post("/v1/orders", status_code=201)
    async def place_order(
        new: NewOrder,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=100)],
        token: str = Depends(caller),
    ) -> dict[str, str]:
        items = [
            trade_pb2.OrderItem(
                course_id=int(item.courseId), quantity=item.quantity, activity_id=int(item.activityId)
            )
            for item in new.items
        ]
        request = trade_pb2.PlaceOrderRequest(idempotency_key=idempotency_key, items=items)
        placed = await asked("PlaceOrder", request, trade_pb2.Order, token)
        return {"id": str(placed.id)}

    app.add_middleware(AccessLine)
    return app


def rpc(place: Place) -> grpc.Server:
    """Return the service."""
    engine, verify = create_engine(place.database), place.verifier()
    stock = redis.Redis.from_url(place.redis)
    by_id = select(COURSES).where(COURSES.c.id == bindparam("id"))

    def verified(context: grpc.ServicerContext) -> Any:
        metadata: Any = context.invocation_metadata()
        try:
            return verify(dict(metadata).get("authorization", "").removeprefix("Bearer "))
        except Unauthenticated as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, error.detail)

    def get_course(request: Any, context: grpc.ServicerContext) -> Any:
        caller = verified(context)
        with engine.connect() as connection:
            row = connection.execute(by_id, {"id": request.id}).one_or_none()
        if row is None or not (row.on_sale or "operator" in caller.roles):
            context.abort(grpc.StatusCode.NOT_FOUND, "There is no such course on sale.")
        return trade_pb2.Course(
            id=row.id,
            title=row.title,
            price_cents=row.price_cents,
            on_sale=row.on_sale,
            version=row.version,
            created_at=row.created_at,
        )

    def place_order(request: Any, context: grpc.ServicerContext) -> Any:
        """Refuse an order of seats that are sold out; the comparison has no others."""
        verified(context)
        left = stock.mget([stock_key(item.activity_id) for item in request.items])
        if any(int(known or 0) < item.quantity for known, item in zip(left, request.items, strict=True)):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, _SOLD_OUT)
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "Only what is sold out is compared.")

    server = grpc.server(ThreadPoolExecutor(16))
    handlers = {
        "GetCourse": grpc.unary_unary_rpc_method_handler(
            get_course, trade_pb2.GetCourseRequest.FromString, trade_pb2.Course.SerializeToString
        ),
        "PlaceOrder": grpc.unary_unary_rpc_method_handler(
            place_order, trade_pb2.PlaceOrderRequest.FromString, trade_pb2.Order.SerializeToString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    return server


def main(role: str) -> None:
    """Serve until terminated."""
    place = Place.here()
    if role == "rpc":
        server = rpc(place)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        print(port, os.getpid(), flush=True)
        threading.Event().wait()
        return
    logging.getLogger("access").addHandler(logging.FileHandler(place.log))
    logging.getLogger("access").setLevel(logging.INFO)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(
        api(place), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning"
    )
    print(listener.getsockname()[1], os.getpid(), flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
