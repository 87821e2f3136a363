"""Load on the shop at a fixed rate, whatever the answers: late ones do not slow it down."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import uuid4

import httpx

from tests.shop.system import NO_TLS, System

_CLIENT_TIMEOUT_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request, sent `rate` times a second; each one by the next of `tokens`."""

    name: str
    method: str
    url: str
    rate: float
    tokens: Sequence[str]
    body: dict[str, Any] | None = None
    is_keyed: bool = False
    """Whether each one carries an idempotency key of its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request of one kind: when it was sent, on `time.monotonic()`, and how many seconds it took.

    `status` is 0 if there was none.
    """

    name: str
    sent_at: float
    seconds: float
    status: int
    made: dict[str, Any] | None = None
    key: str = ""
    """The request's idempotency key."""


def orders(shop: System, course: str, rate: float, buyers: Sequence[str]) -> Request:
    """Return requests for one place in a course, which trade prices with promotion's help."""
    return Request(
        "order",
        "POST",
        f"{shop.rest['trade']}/v1/orders",
        rate,
        [shop.token(buyer) for buyer in buyers],
        {"items": [{"courseId": course, "quantity": 1}]},
        is_keyed=True,
    )


def reads(shop: System, course: str, rate: float, readers: Sequence[str]) -> Request:
    """Return requests for a course, which need trade's database only."""
    url = f"{shop.rest['trade']}/v1/courses/{course}"
    return Request("read", "GET", url, rate, [shop.token(reader) for reader in readers])


def sessions(shop: System, rate: float, people: Sequence[str]) -> Request:
    """Return requests for one's sessions, which need Redis only."""
    url = f"{shop.rest['user']}/v1/sessions"
    return Request("sessions", "GET", url, rate, [shop.token(person) for person in people])


class Load:
    """Sends `requests` in a thread while entered; `answers` holds what came back so far."""

    def __init__(self, *requests: Request) -> None:
        self._requests = requests
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="load")
        self.answers: list[Answer] = []

    def of(self, name: str, since: float, until: float) -> list[Answer]:
        """Return the answers to requests of one kind that were sent between two moments of `time.monotonic()`."""
        return [one for one in self.answers if one.name == name and since <= one.sent_at < until]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _main(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
        async with (
            httpx.AsyncClient(
                timeout=_CLIENT_TIMEOUT_SECONDS, trust_env=False, verify=NO_TLS, limits=limits
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            for request in self._requests:
                group.create_task(self._flow(client, request, group))

    async def _flow(self, client: httpx.AsyncClient, request: Request, group: asyncio.TaskGroup) -> None:
        begun, number = time.monotonic(), 0
        while not self._stop.is_set():
            group.create_task(self._ask(client, request, number))
            number += 1
            await asyncio.sleep(max(0.0, begun + number / request.rate - time.monotonic()))

    async def _ask(self, client: httpx.AsyncClient, request: Request, number: int) -> None:
        token = request.tokens[number % len(request.tokens)]
        key = uuid4().hex if request.is_keyed else ""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["idempotency-key"] = key
        sent_at, status, made = time.monotonic(), 0, None
        try:
            answer = await client.request(request.method, request.url, headers=headers, json=request.body)
        except httpx.TransportError:
            pass
        else:
            status = answer.status_code
            made = answer.json() if status == httpx.codes.CREATED else None
        took = time.monotonic() - sent_at
        self.answers.append(Answer(request.name, sent_at, took, status, made, key))


def within_a_second(answers: Sequence[Answer]) -> float:
    """Return the fraction of requests that succeeded within a second."""
    return sum(200 <= one.status < 300 and one.seconds <= 1.0 for one in answers) / len(answers)


def percentile(answers: Sequence[Answer], percent: int) -> float:
    """Return the seconds within which so many percent of the answers came."""
    took = sorted(one.seconds for one in answers)
    return took[math.ceil(percent / 100 * len(took)) - 1]
