"""The steps of a flash sale: open it, let a crowd race for it, pay or cancel."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from aether_adapters.embedded import children

from tests.shop.buyers import TRY_AGAIN, Buyer, Crowd, Rush
from tests.shop.system import NO_TLS, ROOT, System

OPERATOR: Final = "1"
_FIRST_BUYER: Final = 1000
_PARALLEL_REQUESTS: Final = 8
"""Payments and cancellations that run in parallel."""

Order = dict[str, Any]
"""An order, as the REST API returns it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The object of a rush: a domain creates it on a POST of `body` to `path`."""

    domain: str
    path: str
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """A flash sale: its activity, and its course."""

    activity_id: int
    course_id: int
    seats: int
    price_cents: int

    @property
    def item(self) -> dict[str, Any]:
        """One seat, as an item of an order."""
        return {"courseId": str(self.course_id), "activityId": str(self.activity_id), "quantity": 1}

    @property
    def wanted(self) -> Wanted:
        """An order of one seat."""
        return Wanted("trade", "/v1/orders", {"items": [self.item]})


def open_sale(shop: System, seats: int, price_cents: int = 990) -> Sale:
    """Create a course on sale, and an activity for it that has started, as an operator."""
    now = datetime.now(UTC)
    with shop.client("trade", OPERATOR, "operator") as trade:
        draft = {"title": "Ports and adapters", "priceCents": "4900", "onSale": True}
        course = _made(trade.post("/v1/courses", json=draft))
    activity = {
        "title": f"{seats} seats",
        "courseId": course["id"],
        "priceCents": str(price_cents),
        "startsAt": (now - timedelta(minutes=1)).isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "quantity": str(seats),
    }
    with shop.client("promotion", OPERATOR, "operator") as promotion:
        opened = _made(promotion.post("/v1/activities", json=activity))
    return Sale(int(opened["id"]), int(course["id"]), seats, price_cents)


def open_claims(shop: System, quota: int, per_user: int = 1) -> Wanted:
    """Publish a coupon template of which everybody may claim `per_user`, as an operator."""
    now = datetime.now(UTC)
    terms = {
        "title": f"The first {quota}",
        "benefit": {"amountOff": {"amountCents": "100"}},
        "thresholdCents": "0",
        "quota": str(quota),
        "limitPerUser": per_user,
        "claimsFrom": (now - timedelta(minutes=1)).isoformat(),
        "validFrom": (now - timedelta(minutes=1)).isoformat(),
        "validUntil": (now + timedelta(hours=1)).isoformat(),
    }
    with shop.client("promotion", OPERATOR, "operator") as promotion:
        drafted = _made(promotion.post("/v1/coupon-templates", json=terms))
        version = {"if-match": f'"{drafted["version"]}"'}
        path = f"/v1/coupon-templates/{drafted['id']}"
        promotion.post(f"{path}/publish", headers=version).raise_for_status()
    return Wanted("promotion", f"{path}/claims")


def seats_of(shop: System, sale: Sale) -> tuple[int, int]:
    """Return how many seats are held and how many are sold, according to promotion's REST API."""
    with shop.client("promotion", OPERATOR, "operator") as promotion:
        answer = promotion.get(f"/v1/activities/{sale.activity_id}")
    answer.raise_for_status()
    activity = answer.json()
    return int(activity["held"]), int(activity["sold"])


def subjects(count: int) -> list[str]:
    """Return the subjects of `count` buyers, always the same ones."""
    return [str(number) for number in range(_FIRST_BUYER, _FIRST_BUYER + count)]


@contextmanager
def rush(
    shop: System, wanted: Wanted, buyers: Sequence[str], *, arrival: float = 0.0, patience: float = 60.0
) -> Iterator[Callable[[], Crowd]]:
    """Let `buyers` race for what they want, in a separate process. The yielded function waits for the result.

    They arrive within `arrival` seconds, 0 for all at once, and give up after `patience` seconds. Leaving the block
    ends the process, finished or not.
    """
    where = urlsplit(shop.rest[wanted.domain])
    plan = Rush(
        host=str(where.hostname),
        port=int(where.port or 80),
        path=wanted.path,
        body=wanted.body,
        buyers=[Buyer(subject, shop.token(subject), f"sale-{uuid4().hex}") for subject in buyers],
        arrival=arrival,
        patience=patience,
    )
    plan_file, result_file, log = (
        shop.folder / f"rush-{uuid4().hex}.{name}" for name in ("in", "out", "log")
    )
    plan_file.write_text(json.dumps(asdict(plan)))
    command = [sys.executable, "-m", "tests.shop.buyers", str(plan_file), str(result_file)]
    process = children.start(command, log=log, cwd=ROOT)

    def crowd() -> Crowd:
        if process.wait():
            raise RuntimeError(f"the crowd ended with code {process.returncode}:\n{log.read_text()}")
        return Crowd.read(result_file)

    try:
        yield crowd
    finally:
        children.stop(process)


def race(shop: System, wanted: Wanted, buyers: Sequence[str]) -> Crowd:
    """Run a `rush` of all buyers at once, and return its result."""
    with rush(shop, wanted, buyers) as crowd:
        return crowd()


def pay(shop: System, orders: Sequence[Order], wish: Mapping[str, object] = MappingProxyType({})) -> None:
    """Let each buyer open and make the payment of the order; the provider notifies the shop as `wish` says."""

    def one(order: Order) -> None:
        with shop.client("trade", order["buyer"]) as client:
            opened = patiently(lambda: client.put(f"/v1/orders/{order['id']}/payment"))
            made = httpx.post(
                opened.json()["payUrl"], json=dict(wish), timeout=60, trust_env=False, verify=NO_TLS
            )
            made.raise_for_status()

    _in_parallel(one, orders)


def cancel(shop: System, orders: Sequence[Order]) -> None:
    """Let each buyer cancel the order."""

    def one(order: Order) -> None:
        with shop.client("trade", order["buyer"]) as client:
            version = {"if-match": f'"{order["version"]}"'}
            patiently(lambda: client.post(f"/v1/orders/{order['id']}/cancel", headers=version))

    _in_parallel(one, orders)


def patiently(ask: Callable[[], httpx.Response], *, patience: float = 30.0) -> httpx.Response:
    """Call `ask` until it is not refused temporarily. Return the answer. Raises `httpx.HTTPStatusError`."""
    give_up = time.monotonic() + patience
    while True:
        answer = ask()
        pause = float(answer.headers.get("retry-after", 1))
        if answer.status_code not in TRY_AGAIN or time.monotonic() + pause > give_up:
            answer.raise_for_status()
            return answer
        time.sleep(pause)


def _in_parallel(one: Callable[[Order], None], orders: Sequence[Order]) -> None:
    pool = ThreadPoolExecutor(_PARALLEL_REQUESTS)
    try:
        list(pool.map(one, orders))
    finally:
        pool.shutdown(cancel_futures=True)


def _made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return dict(answer.json())
