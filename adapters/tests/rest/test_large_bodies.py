"""Tests of large bodies: however many there are, everybody else is served between two of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aether_adapters.rest import RestOptions


@pytest.mark.parametrize("size", [70_000, 300_000])
def test_other_tasks_run_between_two_large_bodies(build_billing: Callable[..., Any], size: int) -> None:
    app = build_billing(options=RestOptions(body_limit=1_000_000, access_log=False))
    body = json.dumps({"title": "a", "wrong": "b" * size}).encode()
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
