"""Tests of bodies that take long: however many there are, everybody else is served between two of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aether_adapters.rest import RestOptions
from aether_adapters.rest.large_bodies import LargeBodies

BODIES = {
    "large": {"title": "a", "wrong": "b" * 70_000},
    "very large": {"title": "a", "wrong": "b" * 300_000},
    "many lists": {"title": "a", "wrong": [[]] * 300},
    "many objects": {"title": "a", "wrong": [{}] * 300},
    "many numbers": {"title": "a", "wrong": [1] * 300},
    "lists inside one another": {"title": "a", "wrong": [[[[[[]]]]]] * 60},
}


@pytest.mark.parametrize("name", BODIES)
def test_other_tasks_run_between_two_bodies_that_take_long(
    build_billing: Callable[..., Any], name: str
) -> None:
    app = build_billing(options=RestOptions(body_limit=1_000_000, access_log=False))
    body = json.dumps(BODIES[name]).encode()
    answered = 0

    async def post() -> int:
        statuses: list[int] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, object]) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered += 1
                statuses.append(int(str(message["status"])))

        headers = [(b"content-type", b"application/json"), (b"authorization", b"Bearer ann")]
        path = {"path": "/v1/invoices", "raw_path": b"/v1/invoices", "query_string": b"", "root_path": ""}
        scope = {"type": "http", "method": "POST", "scheme": "http", "headers": headers, **path}
        await app(scope, receive, send)
        return statuses[0]

    async def most_at_once(posts: asyncio.Future[list[int]]) -> int:
        most = 0
        while not posts.done():
            before = answered
            await asyncio.sleep(0)
            most = max(most, answered - before)
        return most

    async def all_at_once() -> tuple[list[int], int]:
        posts = asyncio.gather(*(post() for _ in range(10)))
        most = await most_at_once(posts)
        return await posts, most

    assert asyncio.run(all_at_once()) == ([400] * 10, 1)


def heavy(values: int) -> bytes:
    return b"[" + b"0," * values + b"0]"


def test_the_lightest_body_that_waits_comes_first() -> None:
    async def order() -> list[int]:
        bodies, order = LargeBodies(), []

        async def take(values: int) -> None:
            await bodies.turn(heavy(values))
            order.append(values)

        await asyncio.gather(*map(take, (5000, 4000, 3000, 300, 2000)))
        return order

    assert asyncio.run(order()) == [5000, 300, 2000, 3000, 4000]


@pytest.mark.parametrize("rounds", range(8))
def test_a_body_that_is_given_up_lets_the_next_one_come(rounds: int) -> None:
    """However far its turn has come: `rounds` of the loop pass before it is given up."""

    async def all_but_one() -> int:
        bodies = LargeBodies()
        tasks = [asyncio.create_task(bodies.turn(heavy(values))) for values in (3000, 1000, 2000)]
        for _ in range(rounds):
            await asyncio.sleep(0)
        tasks[1].cancel()
        async with asyncio.timeout(30):
            found = await asyncio.gather(*tasks, return_exceptions=True)
            await bodies.turn(heavy(4000))
        return found.count(None)

    assert asyncio.run(all_but_one()) >= 2


def test_a_new_event_loop_begins_without_a_queue() -> None:
    bodies = LargeBodies()
    for _ in range(2):
        asyncio.run(asyncio.wait_for(bodies.turn(heavy(1000)), 30))
