"""Requests of the course shop as deployed: the CPU time of all its processes, in requests of bare Starlette.

Each request passes the gateway and the gRPC service, and is followed until its events are relayed and consumed. What
the idle shop uses, such as for its timers, is measured before and not counted: the load of the machine decides how many
requests share it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx

from tests.bench.grpc_contract import generated
from tests.bench.harness import Row, Side
from tests.bench.http_load import KEY
from tests.bench.http_sides import Load, Request, asgi, load, per_cpu_second
from tests.bench.rest_rows import create
from tests.bench.shop import MeasuredShop, measured_shop
from tests.shop.sale import open_claims, open_sale, subjects
from tests.shop.system import NO_TLS

_TOKENS = 50
CONNECTIONS = 16
WARM_UP_SECONDS = 3.0
_CLAIM_TEMPLATES = 30
"""Of each template a user may claim 20 coupons at most, so this many are enough for 30,000 claims."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Requests to `domain` that are all answered with `status`, and, if refused, with `problem`.

    `sold_out` has the ids of the activities that are.
    """

    domain: str
    status: int
    requests: Sequence[Request]
    problem: str = ""
    sold_out: Sequence[int] = ()


def read(shop: MeasuredShop) -> Visit:
    """Read a course."""
    course = open_sale(shop.system, seats=1).course_id
    return Visit("trade", 200, [_get(shop, f"/v1/courses/{course}", buyer) for buyer in subjects(_TOKENS)])


def order(shop: MeasuredShop) -> Visit:
    """Order a course at its price."""
    item = {"courseId": str(open_sale(shop.system, seats=1).course_id), "quantity": 1}
    return Visit("trade", 201, _orders(shop, item))


def sold_out(shop: MeasuredShop) -> Visit:
    """Order a seat in a sale whose only seat is sold."""
    sale = open_sale(shop.system, seats=1)
    with shop.system.client("trade", "1") as first:
        first.post(
            "/v1/orders", json={"items": [sale.item]}, headers={"idempotency-key": KEY}
        ).raise_for_status()
    return Visit("trade", 409, _orders(shop, sale.item), "stock-gone", [sale.activity_id])


def claim(shop: MeasuredShop) -> Visit:
    """Claim a coupon."""
    paths = [open_claims(shop.system, quota=1_000_000, per_user=20).path for _ in range(_CLAIM_TEMPLATES)]
    requests = [_post(shop, path, buyer, b"") for path in paths for buyer in subjects(_TOKENS)]
    return Visit("promotion", 201, requests)


def _orders(shop: MeasuredShop, item: dict[str, object]) -> list[Request]:
    body = json.dumps({"items": [item]}).encode()
    return [_post(shop, "/v1/orders", buyer, body) for buyer in subjects(_TOKENS)]


def _get(shop: MeasuredShop, path: str, buyer: str) -> Request:
    return Request("GET", path, {"Authorization": f"Bearer {shop.system.token(buyer)}"})


def _post(shop: MeasuredShop, path: str, buyer: str, body: bytes) -> Request:
    headers = {"Authorization": f"Bearer {shop.system.token(buyer)}", "Idempotency-Key": KEY}
    return Request("POST", path, headers, body)


@dataclass
class ShopSide:
    """The shop under a load; its figure is requests per CPU second of all processes, without what it uses idle."""

    shop: MeasuredShop
    idle: Mapping[str, float]
    load: Load
    answered: int = 0
    spent: dict[str, float] = field(default_factory=dict)

    def __call__(self, seconds: float) -> float:
        began, before = time.perf_counter(), self.shop.used()
        answered = self.load(seconds)
        self.shop.settle(self.idle)
        passed, after = time.perf_counter() - began, self.shop.used()
        spent = {name: used - before[name] - self.idle[name] * passed for name, used in after.items()}
        self.answered += answered
        self.spent = {name: self.spent.get(name, 0.0) + cost for name, cost in spent.items()}
        return answered / sum(spent.values())

    def parts(self) -> Mapping[str, float]:
        """Return the CPU seconds of a request by process."""
        return {name: spent / self.answered for name, spent in self.spent.items()}


@contextmanager
def _sides(visiting: Callable[[MeasuredShop], Visit]) -> Iterator[tuple[Side, Side]]:
    with ExitStack() as stack:
        stack.enter_context(generated())
        bare = stack.enter_context(asgi("tests.bench.rest_apps:starlette")())
        shop = stack.enter_context(measured_shop())
        visit = visiting(shop)
        _proven(shop, visit)
        idle = shop.idle()
        port = int(shop.system.rest[visit.domain].rpartition(":")[2])
        answers = stack.enter_context(load(port, visit.requests, connections=CONNECTIONS, same_length=False))
        answers(WARM_UP_SECONDS)
        bare_load = stack.enter_context(load(bare.port, [create()]))
        yield ShopSide(shop, idle, answers), per_cpu_second(bare_load, bare.pid)


def _proven(shop: MeasuredShop, visit: Visit) -> None:
    """Check one answer. Raises `RuntimeError` if it is another one than the row is about."""
    found = answer(shop.system.rest[visit.domain], visit)
    problem = found.json().get("type", "")
    if found.status_code != visit.status or not problem.endswith(visit.problem):
        raise RuntimeError(f"the shop answered {found.status_code}: {found.text}")


def answer(url: str, visit: Visit) -> httpx.Response:
    """Return the answer to the visit's first request."""
    first = visit.requests[0]
    headers = {**first.headers, **({"Content-Type": "application/json"} if first.body else {})}
    return httpx.request(
        first.method,
        f"{url}{first.path}",
        headers=headers,
        content=first.body,
        trust_env=False,
        verify=NO_TLS,
        timeout=30,
    )


def _row(path: str, visiting: Callable[[MeasuredShop], Visit], allowance: int) -> Row:
    against = f"{allowance} requests of bare starlette"
    return Row(path, against, 1.0, "req/cpu-s", partial(_sides, visiting), allowance, 3.0)


ROWS = (
    _row("shop-read", read, 16),
    _row("shop-order", order, 68),
    _row("shop-sold-out", sold_out, 20),
    _row("shop-claim", claim, 20),
)
